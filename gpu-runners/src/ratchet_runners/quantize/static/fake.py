"""Rounds activations between floats, as eight bits would: for measurements, not for speed."""

from __future__ import annotations

from collections.abc import Collection

import onnx
from onnx import helper

from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.quantize.calibration.ranges import Ranges
from ratchet_runners.quantize.static.form import QuantizedForm


def with_rounded_activations(
    model: onnx.ModelProto, nodes: Collection[str], ranges: Ranges, form: QuantizedForm
) -> onnx.ModelProto:
    """The model whose nodes of these names take their activation through a Q/DQ pair; weights stay float."""
    graph = Graph(copy_of(model))
    rounded: dict[str, str] = {}
    made: list[onnx.NodeProto] = []
    for node in list(graph.model.graph.node):
        if node.name not in nodes or node.input[0] not in ranges:
            continue
        tensor = node.input[0]
        if tensor not in rounded:
            pair, rounded[tensor] = rounding_pair(graph, tensor, ranges[tensor], form)
            made += pair
        graph.rename_input(node, tensor, rounded[tensor])
    graph.insert(made)
    graph.sort()
    return graph.model


def rounding_pair(
    graph: Graph, tensor: str, span: tuple[float, float], form: QuantizedForm
) -> tuple[list[onnx.NodeProto], str]:
    """A Q/DQ pair for a tensor, not yet in the graph, and the name of what it gives."""
    scale, zero = form.scale_and_zero(*span)
    scale_name, zero_name = graph.fresh_name(f"{tensor}_scale"), graph.fresh_name(f"{tensor}_zero_point")
    graph.set_constant(scale_name, scale.reshape(()))
    graph.set_constant(zero_name, zero.reshape(()))
    integers, floats = graph.fresh_name(f"{tensor}_quantized"), graph.fresh_name(f"{tensor}_rounded")
    return [
        helper.make_node("QuantizeLinear", [tensor, scale_name, zero_name], [integers], name=integers),
        helper.make_node("DequantizeLinear", [integers, scale_name, zero_name], [floats], name=floats),
    ], floats
