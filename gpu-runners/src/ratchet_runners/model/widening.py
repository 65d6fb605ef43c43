"""FP16 models as FP32 ones: half floats lie within single ones, so that nothing is lost."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

from ratchet_runners.model.graph import copy_of, kind_of

HALVES = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
#: Attributes that name an element type.
TYPE_ATTRIBUTES = ("to", "dtype", "stash_type", "softmax_precision")


def is_half(model: onnx.ModelProto) -> bool:
    """Whether weights are FP16 or BF16."""
    return any(tensor.data_type in HALVES for tensor in model.graph.initializer) or any(
        attribute.type == AttributeProto.TENSOR and attribute.t.data_type in HALVES
        for node in model.graph.node
        for attribute in node.attribute
    )


def widened(model: onnx.ModelProto) -> onnx.ModelProto:
    """Every FP16 or BF16 tensor of the graph as FP32, without the casts that then have nothing to do."""
    made = copy_of(model)
    _widen(made.graph)
    _drop_idle_casts(made)
    return made


def _drop_idle_casts(model: onnx.ModelProto) -> None:
    """Casts from FP32 to FP32. One between an input and an output stays: something must make the output."""
    inferred = onnx.shape_inference.infer_shapes(model)
    singles = {
        value.name
        for value in [*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output]
        if value.type.tensor_type.elem_type == TensorProto.FLOAT
    } | {tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT}
    outputs = {value.name for value in model.graph.output}
    for node in [node for node in model.graph.node if kind_of(node) == "Cast"]:
        source, target = node.input[0], node.output[0]
        if source not in singles or next(iter(node.attribute)).i != TensorProto.FLOAT:
            continue
        producer = next((other for other in model.graph.node if source in other.output), None)
        if target in outputs and (producer is None or source in outputs):
            continue
        old, new = (source, target) if target in outputs else (target, source)
        for other in model.graph.node:
            for listed in (other.input, other.output):
                for position, name in enumerate(listed):
                    if name == old and other is not node:
                        listed[position] = new
        model.graph.node.remove(node)


def _widen(graph: onnx.GraphProto) -> None:
    for tensor in graph.initializer:
        _widen_tensor(tensor)
    for value in [*graph.input, *graph.output, *graph.value_info]:
        if value.type.tensor_type.elem_type in HALVES:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                _widen(attribute.g)
            elif attribute.type == AttributeProto.TENSOR:
                _widen_tensor(attribute.t)
            elif attribute.name in TYPE_ATTRIBUTES and attribute.i in HALVES:
                attribute.i = TensorProto.FLOAT


def _widen_tensor(tensor: onnx.TensorProto) -> None:
    if tensor.data_type in HALVES:
        array = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), tensor.name))
