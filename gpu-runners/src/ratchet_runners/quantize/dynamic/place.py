"""Lets ONNX Runtime turn products into integer ones."""

from __future__ import annotations

import logging
from collections.abc import Collection

import onnx
from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
from onnxruntime.quantization.quant_utils import QuantizationMode, QuantType

from ratchet_runners.model.graph import Graph, copy_of, kind_of
from ratchet_runners.quantize.static.channels import channel_axis

DYNAMIC = ("MatMul", "Gemm", "LSTM")


def dynamic_nodes(model: onnx.ModelProto, recurrent: bool) -> list[str]:
    """Names of the nodes whose constant weights integer kernels take, in the graph's order."""
    graph = Graph(model)
    kinds = DYNAMIC if recurrent else DYNAMIC[:2]
    return [
        node.name
        for node in model.graph.node
        if kind_of(node) in kinds and graph.is_constant(node.input[1]) and not graph.is_constant(node.input[0])
    ]


def place_dynamic(
    model: onnx.ModelProto, nodes: Collection[str], per_channel: bool, reduce_range: bool
) -> onnx.ModelProto:
    """The model with these nodes in integers; a weight without an axis for channels gets one scale."""
    graph = Graph(model)
    if not per_channel:
        return _placed(model, nodes, False, reduce_range)
    whole = [name for name in nodes if _axis(graph, name) is None]
    made = _placed(model, [name for name in nodes if name not in whole], True, reduce_range)
    return _placed(made, whole, False, reduce_range) if whole else made


def _axis(graph: Graph, name: str) -> int | None:
    node = graph.nodes[name]
    return channel_axis(node, graph.constant(node.input[1]).ndim)


def _placed(model: onnx.ModelProto, nodes: Collection[str], per_channel: bool, reduce_range: bool) -> onnx.ModelProto:
    chosen = [node.name for node in model.graph.node if node.name in nodes]
    if not chosen:
        return copy_of(model)
    operators = sorted({node.op_type for node in model.graph.node if node.name in chosen} | {"MatMul"})
    # The quantizer first makes a product and a sum of every Gemm, under another name.
    chosen += [f"{name}_MatMul" for name in chosen]
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)
    try:
        quantizer = ONNXQuantizer(
            onnx.shape_inference.infer_shapes(model),
            per_channel,
            reduce_range,
            QuantizationMode.IntegerOps,
            False,
            QuantType.QInt8,
            QuantType.QUInt8,
            None,
            chosen,
            [],
            operators,
            {"MatMulConstBOnly": True},
        )
        quantizer.quantize_model()
    finally:
        logging.getLogger().setLevel(level)
    made: onnx.ModelProto = quantizer.model.model
    del made.graph.value_info[:]
    made.producer_name = "ratchet-runners"
    made.producer_version = ""
    graph = Graph(made)
    graph.drop_unused_constants()
    graph.sort()
    return graph.model
