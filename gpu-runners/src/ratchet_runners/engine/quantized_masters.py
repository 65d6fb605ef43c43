"""Float masters of integer weights: taken from the float graph that was quantized, and given back to it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from ratchet_runners.engine.quantized_layout import Layout, Numbers, Weight, integers_of
from ratchet_runners.model.graph import Array, Graph, copy_of

#: A source whose weights lie further from the integers than this share of them allows is another model.
LARGEST_FOREIGN_SHARE = 0.02
#: How far inside its integer's cell a master starts, in steps.
MARGIN = 1e-3


def start_of(model: onnx.ModelProto, layout: Layout, source: onnx.ModelProto | None) -> dict[str, Array]:
    """Masters by the name of the integer constant; each rounds to exactly the integer that the graph has.

    Where the source's weight is the one that was quantized (all but a few integers lie within one step of it, so that
    cleverer rounding than to the nearest is kept), the master is the source's number, moved into its integer's cell.
    """
    constants = integers_of(model)
    origins = origins_of(model, layout, source) if source is not None else {}
    found: dict[str, Array] = {}
    for weight in layout.weights:
        scale = spread(constants[weight.numbers.scale].astype(np.float32), weight, constants)
        zero = spread(weight.numbers.zero.astype(np.float32), weight, constants)
        whole = constants[weight.tensor].astype(np.float32) - zero
        found[weight.tensor] = _start(whole, scale, weight.numbers, zero, origins.get(weight.tensor))
    for bias in layout.biases:
        step = constants[bias.scale].astype(np.float64)
        whole = constants[bias.tensor].astype(np.float64)
        origin = origins.get(bias.tensor)
        exact = whole * step
        if origin is not None and origin.shape == exact.shape:
            near = np.abs(origin / step - whole) <= 0.5 - MARGIN
            exact = np.where(near, origin, exact)
        found[bias.tensor] = exact.astype(np.float32)
    return found


def _start(whole: Array, scale: Array, numbers: Numbers, zero: Array, origin: Array | None) -> Array:
    exact = (whole * scale).astype(np.float32)
    if origin is None or origin.shape != whole.shape:
        return exact
    units = origin.astype(np.float32) / scale
    saturated = np.clip(units, numbers.low - zero, numbers.high - zero)
    if float((np.abs(saturated - whole) > 1.01).mean()) > LARGEST_FOREIGN_SHARE:
        return exact
    moved = (np.clip(units, whole - 0.5 + MARGIN, whole + 0.5 - MARGIN) * scale).astype(np.float32)
    return np.where(np.rint(moved / scale) == whole, moved, exact).astype(np.float32)


def spread(values: Array, weight: Weight, constants: Mapping[str, Array]) -> Array:
    """A scale or zero point, broadcast to its weight's shape."""
    shape = constants[weight.tensor].shape
    if values.size == 1:
        return np.broadcast_to(values.reshape(()), shape)
    axis = weight.numbers.axis % len(shape)
    if weight.numbers.block:
        return np.repeat(values, weight.numbers.block, axis=axis).take(range(shape[axis]), axis=axis)
    return np.broadcast_to(values.reshape([-1 if at == axis else 1 for at in range(len(shape))]), shape)


def origins_of(model: onnx.ModelProto, layout: Layout, source: onnx.ModelProto) -> dict[str, Array]:
    """The source's constants that integer constants were made of, by the latter's name.

    Found by place: the same node (by name) takes both at the same position.
    """
    names = _origin_names(model, layout, source)
    graph = Graph(copy_of(source))
    return {tensor: graph.constant(name) for tensor, name in names.items()}


def _origin_names(model: onnx.ModelProto, layout: Layout, source: onnx.ModelProto) -> dict[str, str]:
    quantized, original = Graph(copy_of(model)), Graph(copy_of(source))
    found: dict[str, str] = {}
    for use in (*layout.weights, *layout.biases):
        output = quantized.nodes[use.node].output[0]
        for consumer in quantized.consumers(output):
            twin = original.nodes.get(consumer.name)
            position = list(consumer.input).index(output)
            if twin is None or twin.op_type != consumer.op_type or position >= len(twin.input):
                continue
            if original.is_constant(twin.input[position]):
                found[use.tensor] = twin.input[position]
                break
    return found


def back_to_float(
    source: onnx.ModelProto, model: onnx.ModelProto, layout: Layout, masters: Mapping[str, Array]
) -> onnx.ModelProto:
    """The float graph with trained masters in place of the weights that were quantized."""
    graph = Graph(copy_of(source))
    for tensor, name in _origin_names(model, layout, source).items():
        if tensor in masters and graph.constant(name).shape == masters[tensor].shape:
            graph.set_constant(name, masters[tensor].astype(graph.constant(name).dtype))
    return graph.model
