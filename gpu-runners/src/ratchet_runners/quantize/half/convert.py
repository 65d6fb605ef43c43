"""A float graph in FP16, with casts where FP32 goes in and comes out."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.quantize.static.stored import HALF_LIMIT

#: Operators that take or give FP32 by their own definition, or that no runtime computes in FP16.
ALWAYS_FLOAT = frozenset(
    {"Resize", "Upsample", "NonMaxSuppression", "RandomNormal", "RandomUniform", "Range", "If", "Loop"}
)


def in_half(model: onnx.ModelProto, keep: Collection[str]) -> onnx.ModelProto:
    """The model computing in FP16; inputs and outputs keep their types. `keep` names operators that stay in FP32.

    Constants beyond FP16's range become its largest numbers (a mask's -3.4e38 must not turn into minus infinity).
    """
    graph = Graph(copy_of(model))
    kept = ALWAYS_FLOAT | set(keep)
    floats = _float_tensors(graph.model)
    inside = {node.name for node in graph.model.graph.node if node.op_type not in kept}
    made: list[onnx.NodeProto] = []
    made += _cast_borders(graph, floats, inside)
    for node in graph.model.graph.node:
        if node.name in inside:
            _retype_attributes(node)
    graph.insert(made)
    graph.drop_unused_constants()
    graph.sort()
    return graph.model


def _float_tensors(model: onnx.ModelProto) -> set[str]:
    inferred = onnx.shape_inference.infer_shapes(model).graph
    found = {
        value.name
        for value in [*inferred.value_info, *inferred.input, *inferred.output]
        if value.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    return found | {tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT}


def _cast_borders(graph: Graph, floats: Collection[str], inside: Collection[str]) -> list[onnx.NodeProto]:
    """Every float tensor stays FP32 under its own name outside; inside it has an FP16 twin, cast once where needed."""
    made: list[onnx.NodeProto] = []
    twins: dict[str, str] = {}
    needed_outside = set(graph.outputs)
    for node in graph.model.graph.node:
        if node.name not in inside:
            needed_outside.update(node.input)

    def twin(name: str) -> str:
        if name not in twins:
            twins[name] = graph.fresh_name(f"{name}_half")
            producer = graph.producer(name)
            if graph.is_constant(name):
                value = np.clip(graph.constant(name), -HALF_LIMIT, HALF_LIMIT).astype(np.float16)
                graph.set_constant(twins[name], value)
            elif producer is None or producer.name not in inside:
                made.append(helper.make_node("Cast", [name], [twins[name]], name=twins[name], to=TensorProto.FLOAT16))
        return twins[name]

    for node in graph.model.graph.node:
        if node.name not in inside:
            continue
        for position, name in enumerate(node.input):
            if name in floats:
                node.input[position] = twin(name)
        for position, name in enumerate(node.output):
            if name in floats:
                node.output[position] = twin(name)
                if name in needed_outside:
                    back = graph.fresh_name(f"{name}_float")
                    made.append(helper.make_node("Cast", [twins[name]], [name], name=back, to=TensorProto.FLOAT))
    return made


def _retype_attributes(node: onnx.NodeProto) -> None:
    for attribute in node.attribute:
        wanted = attribute.name in ("to", "dtype") and attribute.i == TensorProto.FLOAT
        if wanted and node.op_type in ("Cast", "EyeLike", "RandomNormalLike", "RandomUniformLike", "Bernoulli"):
            attribute.i = TensorProto.FLOAT16
        if attribute.name == "value" and attribute.t.data_type == TensorProto.FLOAT:
            value = np.clip(numpy_helper.to_array(attribute.t), -HALF_LIMIT, HALF_LIMIT).astype(np.float16)
            attribute.t.CopyFrom(numpy_helper.from_array(value, attribute.t.name))
