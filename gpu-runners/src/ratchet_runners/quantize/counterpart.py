"""Quantized layers beside the floating-point layers that they stand for, found by the graph's structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from ratchet_runners.model.graph import Array, Graph, attributes_of
from ratchet_runners.quantize.layers import Layer, layers_of, shared_weights
from ratchet_runners.workbench import Workbench

Doubles = npt.NDArray[np.float64]

#: What a type can hold, by numpy's name for it (four-bit types are no types of numpy's own).
REACH = {
    "int4": (-8.0, 7.0),
    "uint4": (0.0, 15.0),
    "int8": (-128.0, 127.0),
    "uint8": (0.0, 255.0),
    "int16": (-32768.0, 32767.0),
    "uint16": (0.0, 65535.0),
}

#: Squared distance of a rounded weight from its float one, as a share of the latter's power. Four bits with one scale
#: seldom come to a fifth, and adaptive rounding may move a weight by several steps; other weights come to one and more.
FARTHEST = 0.5


def before_quantization(bench: Workbench) -> onnx.ModelProto:
    """The last floating-point model of the recipe: what was quantized. Without steps before that, the source."""
    return bench.models.get("float") or bench.source()


@dataclass(frozen=True)
class Counterpart:
    """A layer of the quantized graph, the float layer that it stands for, and how its integers are to be read.

    `scale` and `zero` have the weight's own shape: weight = (integer - zero) * scale.
    """

    layer: Layer
    original: Layer
    weight: Doubles
    integers: Doubles
    scale: Doubles
    zero: Doubles
    #: Lowest and highest integer that the weight may hold.
    limits: tuple[float, float]


def counterparts(graph: Graph, original: Graph) -> tuple[list[Counterpart], list[str]]:
    """Pairs in the graph's order, and why a quantized layer has none."""
    known = {layer.name: layer for layer in layers_of(original)}
    layers = layers_of(graph)
    shared = shared_weights(layers, graph)
    found: list[Counterpart] = []
    notes: list[str] = []
    for layer in layers:
        if layer.dequantize is None or graph.constant(layer.weight).dtype.name not in REACH:
            continue
        other = known.get(layer.name)
        if layer.weight in shared:
            notes.append(f"{layer.name} is left alone: something else uses its weight, too")
        elif other is None or other.kind != layer.kind or other.shape != layer.shape:
            notes.append(f"{layer.name} is left alone: the model in floating point has no such layer")
        else:
            pair = _pair(graph, original, layer, other)
            if _alike(pair):
                found.append(pair)
            else:
                notes.append(f"{layer.name} is left alone: its integers do not stand for the weight {other.weight}")
    return found, notes


def _pair(graph: Graph, original: Graph, layer: Layer, other: Layer) -> Counterpart:
    node = graph.nodes[layer.dequantize or ""]
    held = graph.constant(layer.weight)
    integers = held.astype(np.float64)
    has_zero = len(node.input) > 2 and node.input[2] != ""
    scale = spread(node, graph.constant(node.input[1]), layer.shape)
    zero = spread(node, graph.constant(node.input[2]), layer.shape) if has_zero else np.zeros(layer.shape)
    if zero.any():
        limits = (float(integers.min()), float(integers.max()))
    else:
        # Symmetric scales come from the largest weight, so what is there tells how many bits may be used.
        bound = float(np.abs(integers).max(initial=1.0))
        lowest, highest = REACH[held.dtype.name]
        limits = (max(-bound, lowest), min(bound, highest))
    weight = original.constant(other.weight).astype(np.float64)
    return Counterpart(layer, other, weight, integers, scale, zero, limits)


def spread(node: onnx.NodeProto, value: Array, shape: tuple[int, ...]) -> Doubles:
    """Scales or zero points of a DequantizeLinear (one, one a channel, or one a block) in the shape of its input."""
    value = value.astype(np.float64)
    attributes = attributes_of(node)
    axis = int(attributes.get("axis", 1)) % len(shape)
    block = int(attributes.get("block_size", 0))
    if block:
        wide = np.repeat(value, block, axis=axis)
        return np.take(wide, np.arange(shape[axis]), axis=axis)
    if value.size == 1:
        return np.full(shape, value.reshape(()))
    return np.broadcast_to(value.reshape([-1 if place == axis else 1 for place in range(len(shape))]), shape).copy()


def _alike(pair: Counterpart) -> bool:
    rounded = (pair.integers - pair.zero) * pair.scale
    return bool(np.square(rounded - pair.weight).sum() <= FARTHEST * np.square(pair.weight).sum())
