"""Layers whose outputs can be scaled and shifted in their own weights, and the bias that this may need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from ratchet_runners.model.graph import Graph, attributes_of, kind_of


@dataclass(frozen=True)
class Layer:
    """A convolution or a matrix product with constant weights."""

    node: str
    weight: str
    #: Axis of the weight along which the outputs lie; for a grouped transposed convolution there is none.
    weight_axis: int
    #: Its output, behind the bias.
    output: str
    #: Axis of the output.
    axis: int
    #: None where there is none yet: `with_biases` gives it one.
    bias: str | None


def biased_layers(graph: Graph) -> list[Layer]:
    """In the graph's order. A matrix product without a bias behind it is left out: nothing could shift its outputs."""
    found = [_layer(graph, node) for node in graph.model.graph.node]
    uses = [layer.weight for layer in found if layer]
    return [layer for layer in found if layer and uses.count(layer.weight) == 1]


def _layer(graph: Graph, node: onnx.NodeProto) -> Layer | None:
    kind = kind_of(node)
    if kind not in ("Conv", "ConvTranspose", "Gemm", "MatMul") or not graph.is_constant(node.input[1]):
        return None
    weight, attributes = node.input[1], attributes_of(node)
    bias = node.input[2] if len(node.input) > 2 and node.input[2] else None
    if bias and (not graph.is_constant(bias) or len(graph.consumers(bias)) > 1):
        return None
    if kind == "Conv":
        return Layer(node.name, weight, 0, node.output[0], 1, bias)
    if kind == "ConvTranspose":
        return Layer(node.name, weight, 1, node.output[0], 1, bias) if attributes.get("group", 1) == 1 else None
    if kind == "Gemm":
        plain = attributes.get("beta", 1.0) == 1.0 and (bias is None or graph.constant(bias).ndim == 1)
        return (
            Layer(node.name, weight, 0 if attributes.get("transB", 0) else 1, node.output[0], 1, bias)
            if plain
            else None
        )
    return _product(graph, node)


def _product(graph: Graph, node: onnx.NodeProto) -> Layer | None:
    users = graph.consumers(node.output[0])
    if graph.constant(node.input[1]).ndim != 2 or len(users) != 1 or kind_of(users[0]) != "Add":
        return None
    added = [name for name in users[0].input if name != node.output[0]]
    width = graph.constant(node.input[1]).shape[1]
    if len(added) != 1 or not graph.is_constant(added[0]) or graph.constant(added[0]).shape != (width,):
        return None
    if len(graph.consumers(added[0])) > 1:
        return None
    return Layer(node.name, node.input[1], 1, users[0].output[0], -1, added[0])


def with_biases(graph: Graph) -> None:
    """Gives convolutions and Gemms without a bias one of zeros, so that their outputs can be shifted."""
    for layer in biased_layers(graph):
        if layer.bias is not None:
            continue
        node = graph.nodes[layer.node]
        weight = graph.constant(layer.weight)
        name = graph.fresh_name(f"{layer.node}_bias")
        graph.set_constant(name, np.zeros(weight.shape[layer.weight_axis], dtype=weight.dtype))
        del node.input[2:]
        node.input.append(name)
    graph.reindex()
