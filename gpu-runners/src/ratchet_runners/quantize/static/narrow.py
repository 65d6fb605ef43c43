"""Four-bit weights at the speed of eight bits.

ONNX Runtime has no kernels that multiply four-bit weights with eight-bit activations: it would turn them into floats at
every request. A cast to eight bits of a constant it does once, while loading, and then its eight-bit kernels fit.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.lifting import BLOCKS_OPSET, lifted


def lifted_for_four_bits(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model in an operator set that knows four bits. @throws ModelUnusable where it cannot be lifted"""
    try:
        return lifted(model, BLOCKS_OPSET)
    except ModelUnusable as fault:
        raise ModelUnusable(
            f"Four-bit weights need operator set {BLOCKS_OPSET}, and the model cannot be lifted to it", fault.faults
        ) from fault


def cast_while_loading(model: onnx.ModelProto) -> onnx.ModelProto:
    """Puts a cast to eight bits between every four-bit constant and the node that gives it back its scale."""
    graph = Graph(copy_of(model))
    kinds = {tensor.name: tensor for tensor in graph.model.graph.initializer}
    made: dict[str, onnx.NodeProto] = {}
    for node in graph.model.graph.node:
        if node.op_type != "DequantizeLinear":
            continue
        for position, name in enumerate(node.input):
            tensor = kinds.get(name)
            if tensor is None or tensor.data_type not in (TensorProto.INT4, TensorProto.UINT4):
                continue
            wide = TensorProto.INT8 if tensor.data_type == TensorProto.INT4 else TensorProto.UINT8
            if position == 0:
                output = made[name].output[0] if name in made else graph.fresh_name(f"{name}_eight_bits")
                made.setdefault(
                    name, helper.make_node("Cast", [name], [output], name=graph.fresh_name(f"{name}_cast"), to=wide)
                )
                node.input[0] = output
            else:
                value = numpy_helper.to_array(tensor).astype(np.int8 if wide == TensorProto.INT8 else np.uint8)
                tensor.CopyFrom(numpy_helper.from_array(value, name))
    graph.insert(made.values())
    graph.sort()
    return graph.model
