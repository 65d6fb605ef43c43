"""Weights that are stored in fewer bits and multiplied as floats.

Cast and Mul of constants are folded while ONNX Runtime loads the model: it answers exactly as fast as the original. A
DequantizeLinear in their place would run at every request, because that operator is kept for fusions.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import ml_dtypes
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from ratchet_runners.model.graph import Graph
from ratchet_runners.quantize.static.channels import WeightMethod, channel_axis, integers_of, scales_of, spread

StoredBits = Literal[4, 8, 16]

#: Where a node's weights are among its inputs, for all operators whose weights may be stored in fewer bits.
STORABLE: dict[str, tuple[int, ...]] = {
    "Conv": (1,),
    "ConvTranspose": (1,),
    "Gemm": (1,),
    "MatMul": (1,),
    "GRU": (1, 2),
    "LSTM": (1, 2),
    "RNN": (1, 2),
}

#: Below so many numbers the nodes around a weight are larger than what they save.
FEWEST = 256
#: Largest magnitude of FP16.
HALF_LIMIT = 65504.0


def storable(graph: Graph, nodes: Collection[str] | None = None) -> dict[str, int | None]:
    """Constant float weights by name, with their channels' axis, in the graph's order; of these nodes or of all."""
    found: dict[str, int | None] = {}
    for node in graph.model.graph.node:
        if nodes is not None and node.name not in nodes:
            continue
        for position in STORABLE.get(node.op_type, ()):
            name = node.input[position] if position < len(node.input) else ""
            if graph.is_constant(name):
                value = graph.constant(name)
                if value.dtype == np.float32 and value.size >= FEWEST and np.isfinite(value).all():
                    axis = channel_axis(node, value.ndim)
                    found[name] = axis if found.get(name, axis) == axis else None
    return found


def store(graph: Graph, weights: dict[str, int | None], bits: StoredBits, method: WeightMethod) -> list[str]:
    """Replaces these constants; names of the float tensors stay. Returns those that were stored.

    Sixteen bits are FP16 (a weight beyond its range is left alone), eight and four are integers with a scale a channel.
    `graph.sort()` must follow. Four bits need operator set 21.
    """
    nodes: list[onnx.NodeProto] = []
    stored: list[str] = []
    for name, axis in weights.items():
        value = graph.constant(name)
        if bits == 16:
            if np.abs(value).max(initial=0.0) > HALF_LIMIT:
                continue
            nodes += _half(graph, name, value)
        else:
            nodes += _integers(graph, name, value, axis, bits, method)
        stored.append(name)
    gone = set(stored)
    kept = [tensor for tensor in graph.model.graph.initializer if tensor.name not in gone]
    del graph.model.graph.initializer[:]
    graph.model.graph.initializer.extend(kept)
    # In front: what makes the weights comes before what takes them.
    present = list(graph.model.graph.node)
    del graph.model.graph.node[:]
    graph.model.graph.node.extend([*nodes, *present])
    graph.reindex()
    return stored


def _half(graph: Graph, name: str, value: npt.NDArray[np.float32]) -> list[onnx.NodeProto]:
    held = graph.fresh_name(f"{name}_half")
    graph.set_constant(held, value.astype(np.float16))
    return [helper.make_node("Cast", [held], [name], name=graph.fresh_name(f"{held}_cast"), to=TensorProto.FLOAT)]


def _integers(
    graph: Graph, name: str, value: npt.NDArray[np.float32], axis: int | None, bits: int, method: WeightMethod
) -> list[onnx.NodeProto]:
    largest = 2 ** (bits - 1) - 1
    scales = scales_of(value, axis, largest, method)
    integers = integers_of(value, scales, axis, largest)
    held, scale = graph.fresh_name(f"{name}_quantized"), graph.fresh_name(f"{name}_scale")
    graph.set_constant(held, integers.astype(ml_dtypes.int4) if bits == 4 else integers)
    graph.set_constant(scale, spread(scales, axis, value.ndim))
    floats = f"{held}_floats"
    return [
        helper.make_node("Cast", [held], [floats], name=graph.fresh_name(f"{held}_cast"), to=TensorProto.FLOAT),
        helper.make_node("Mul", [floats, scale], [name], name=graph.fresh_name(f"{held}_scaled")),
    ]
