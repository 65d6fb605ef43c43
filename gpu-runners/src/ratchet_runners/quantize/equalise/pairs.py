"""Pairs of layers whose channels between them may be scaled freely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from ratchet_runners.model.graph import Graph, kind_of
from ratchet_runners.quantize.layers import Layer, layers_of, shared_weights

#: f(s x) = s f(x) for s > 0, channel by channel.
HOMOGENEOUS = frozenset({"Relu", "LeakyRelu", "PRelu", "Identity", "Dropout"})
POOLS = frozenset({"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"})
FLATTENERS = frozenset({"Flatten", "Reshape", "Squeeze"})


@dataclass(frozen=True)
class Pair:
    """`places` numbers of the second layer's input come of each channel of the first (a flattened map has several)."""

    first: Layer
    second: Layer
    places: int


def pairs_of(graph: Graph) -> tuple[list[Pair], list[str]]:
    """All pairs in the graph's order, and why a pair that seemed near was left alone."""
    layers = [layer for layer in layers_of(graph) if layer.kind in ("Conv", "Gemm") and not layer.dequantize]
    shared = shared_weights(layers, graph)
    by_name = {layer.name: layer for layer in layers}
    found: list[Pair] = []
    notes: list[str] = []
    for first in layers:
        if first.weight in shared or not _own_bias(graph, first):
            continue
        reached, stop = _follow(graph, first, by_name)
        if stop:
            notes.append(f"{first.name}: {stop}")
        if reached is None or reached.weight in shared or reached.attributes.get("transA"):
            continue
        inputs = _inputs(reached)
        if inputs % first.outputs == 0 and (reached.kind == "Gemm" or inputs == first.outputs):
            found.append(Pair(first, reached, inputs // first.outputs))
    return found, notes


def _follow(graph: Graph, first: Layer, layers: dict[str, Layer]) -> tuple[Layer | None, str]:
    tensor, spatial = first.output, first.kind == "Conv"
    while True:
        users = graph.consumers(tensor)
        if len(users) != 1 or tensor in graph.outputs:
            return None, ""
        node = users[0]
        kind = kind_of(node)
        if node.name in layers:
            second = layers[node.name]
            fits = node.input[0] == tensor and (second.kind == "Conv") == spatial
            return (second if fits else None), ""
        if kind == "Clip":
            if not _is_relu(graph, node):
                return None, f"{node.name} clips from above, so channels before it cannot be scaled"
        elif kind in FLATTENERS and spatial:
            if not _flattens(graph, node):
                return None, ""
            spatial = False
        elif kind not in HOMOGENEOUS and not (kind in POOLS and spatial):
            return None, ""
        if node.input[0] != tensor:
            return None, ""
        tensor = node.output[0]


def _is_relu(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether a Clip has no upper limit and the lower one is zero, or none at all."""
    low, high = (node.input[place] if place < len(node.input) else "" for place in (1, 2))
    if high and not (graph.is_constant(high) and float(graph.constant(high).reshape(())) > 1e30):
        return False
    if not low:
        return True
    if not graph.is_constant(low):
        return False
    lowest = float(graph.constant(low).reshape(()))
    return lowest == 0 or lowest < -1e30


def _flattens(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether (rows, channels, ...) becomes (rows, numbers): then each channel's numbers stay together."""
    if node.op_type == "Flatten":
        return all(attribute.i == 1 for attribute in node.attribute if attribute.name == "axis")
    if node.op_type == "Reshape" and graph.is_constant(node.input[1]):
        target = graph.constant(node.input[1])
        return target.size == 2 and (int(target[0]) in (0, -1))
    if node.op_type == "Squeeze" and len(node.input) > 1 and graph.is_constant(node.input[1]):
        return all(int(axis) >= 2 or int(axis) in (-1, -2) for axis in graph.constant(node.input[1]))
    return False


def _inputs(layer: Layer) -> int:
    if layer.kind == "Conv":
        return layer.shape[1] * layer.groups
    return int(np.prod(layer.shape)) // layer.outputs


def _own_bias(graph: Graph, layer: Layer) -> bool:
    """Whether there is no bias, or a constant one an output channel."""
    node = graph.nodes[layer.name]
    if len(node.input) < 3 or not node.input[2]:
        return True
    return graph.is_constant(node.input[2]) and graph.constant(node.input[2]).size == layer.outputs
