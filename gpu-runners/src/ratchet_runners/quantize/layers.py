"""Weighted layers as matrices: what GPTQ, AdaRound, smoothing and bias correction see of a Conv, Gemm or MatMul."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from ratchet_runners.model.graph import Array, Graph, attributes_of, kind_of
from ratchet_runners.quantize.patches import drawn, patches

#: Position of the weight among the inputs.
WEIGHTED = {"Conv": 1, "Gemm": 1, "MatMul": 1}

#: Rows of a product that one batch may add to what is measured; a convolution has one for every place of its kernel.
LARGEST_SAMPLE = 8192


@dataclass(frozen=True)
class Layer:
    """A node with a constant weight, seen as `groups` products of a matrix (out, in) with columns of activations."""

    name: str
    kind: str
    #: The tensor that is multiplied with the weight.
    activation: str
    output: str
    #: The constant that holds the weight, as floats or as integers behind a DequantizeLinear.
    weight: str
    #: Name of the DequantizeLinear between constant and node; None where the node takes the constant itself.
    dequantize: str | None
    shape: tuple[int, ...]
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def groups(self) -> int:
        return int(self.attributes.get("group", 1)) if self.kind == "Conv" else 1

    @property
    def outputs(self) -> int:
        return self.shape[self.output_axis]

    @property
    def output_axis(self) -> int:
        """The weight's axis along which output channels lie."""
        return 0 if self.kind == "Conv" or self.attributes.get("transB") else 1

    @property
    def channel_axis(self) -> int:
        """The output tensor's axis along which channels lie."""
        return 1 if self.kind == "Conv" else -1

    def matrix(self, weight: Array) -> Array:
        """The weight (or anything of its shape) as (groups, out, in)."""
        if self.output_axis == 1:
            weight = weight.T
        return weight.reshape(self.groups, weight.shape[0] // self.groups, -1)

    def shaped(self, matrix: Array) -> Array:
        """The inverse of `matrix`."""
        if self.output_axis == 1:
            return np.ascontiguousarray(matrix.reshape(self.shape[1], self.shape[0]).T)
        return np.ascontiguousarray(matrix.reshape(self.shape))

    def columns(self, activation: Array, seed: int = 0, most: int = LARGEST_SAMPLE) -> Array:
        """What the matrix is multiplied with: (groups, n, in), for a convolution one row a place of the kernel.

        Above `most` rows a sample that depends on nothing but the activation's shape and the seed.
        """
        if self.kind == "Conv":
            return patches(activation, self.shape, self.attributes, seed, most)
        if self.kind == "Gemm" and self.attributes.get("transA"):
            activation = activation.T
        flat = activation.reshape(-1, activation.shape[-1])
        return flat[drawn(len(flat), seed, most)][None]

    def scale(self) -> float:
        """What the product is multiplied with: a Gemm's alpha."""
        return float(self.attributes.get("alpha", 1.0)) if self.kind == "Gemm" else 1.0


def layers_of(graph: Graph) -> list[Layer]:
    """Every node with a constant weight, in the graph's order; the weight may lie behind DequantizeLinear."""
    found: list[Layer] = []
    for node in graph.model.graph.node:
        position = WEIGHTED.get(kind_of(node))
        if position is None or graph.is_constant(node.input[0]):
            continue
        constant, dequantize = held_by(graph, node.input[position])
        if constant is None:
            continue
        shape = graph.constant(constant).shape
        if len(shape) < 2 or (node.op_type == "MatMul" and len(shape) != 2):
            continue
        found.append(
            Layer(
                node.name,
                node.op_type,
                node.input[0],
                node.output[0],
                constant,
                dequantize.name if dequantize else None,
                tuple(shape),
                attributes_of(node),
            )
        )
    return found


def held_by(graph: Graph, name: str) -> tuple[str | None, onnx.NodeProto | None]:
    """The constant behind a tensor and the DequantizeLinear between them, if it is constant at all.

    Four-bit constants may be cast to eight bits on the way (`static/narrow.py`); they are the constant all the same.
    """
    if graph.is_constant(name):
        return name, None
    node = graph.producer(name)
    if node is None or kind_of(node) != "DequantizeLinear" or not all(map(graph.is_constant, node.input[1:])):
        return None, None
    held = node.input[0]
    cast = graph.producer(held)
    if cast is not None and kind_of(cast) == "Cast":
        held = cast.input[0]
    return (held, node) if graph.is_constant(held) else (None, None)


def shared_weights(layers: list[Layer], graph: Graph) -> set[str]:
    """Constants that something else than one layer uses: changing them for one would change the other."""
    shared: set[str] = set()
    for layer in layers:
        node = graph.nodes[layer.dequantize] if layer.dequantize else graph.nodes[layer.name]
        carriers = [layer.weight, *([node.input[0], node.output[0]] if layer.dequantize else [])]
        if any(len(graph.consumers(carrier)) > 1 for carrier in carriers):
            shared.add(layer.weight)
        if layer.weight in graph.outputs:
            shared.add(layer.weight)
    return shared
