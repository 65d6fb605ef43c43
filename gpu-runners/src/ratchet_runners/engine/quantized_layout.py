"""What every Q/DQ node of a graph is for. Pure bookkeeping over the graph, without torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from ratchet_runners.model.graph import Array, Graph, attributes_of, copy_of, kind_of

#: Bounds of the integers that a quantized tensor may hold.
BOUNDS: dict[str, tuple[int, int]] = {
    "int4": (-8, 7),
    "uint4": (0, 15),
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
    "uint16": (0, 65535),
    "int32": (-(2**31), 2**31 - 1),
}
#: Where processors add products of eight bits in sixteen, weights are placed within seven bits and must stay there.
REDUCED = 64
#: Inputs of a weighted node: data, weight, bias.
BIAS = 2


@dataclass(frozen=True)
class Numbers:
    """How integers stand for numbers: step, zero point, bounds, the axis (or blocks of it) where steps differ."""

    scale: str
    #: Shape of the scale.
    zero: Array
    low: int
    high: int
    axis: int
    block: int

    @property
    def bits(self) -> int:
        return (self.high - self.low).bit_length()


@dataclass(frozen=True)
class Weight:
    """A DequantizeLinear of an integer constant, perhaps by way of a cast to wider integers."""

    node: str
    tensor: str
    output: str
    numbers: Numbers


@dataclass(frozen=True)
class Bias:
    """A DequantizeLinear of 32-bit integers whose step is the product of the data's and the weight's."""

    node: str
    tensor: str
    scale: str
    data_scale: str
    weight_scale: str


@dataclass(frozen=True)
class Activation:
    """A QuantizeLinear that only DequantizeLinear of the same numbers follow."""

    node: str
    tensor: str
    numbers: Numbers


@dataclass(frozen=True)
class Layout:
    """All Q/DQ nodes of a graph, in its order."""

    weights: tuple[Weight, ...]
    biases: tuple[Bias, ...]
    activations: tuple[Activation, ...]
    #: Names of the nodes that nothing is left to do for: DequantizeLinear behind an activation's QuantizeLinear, and
    #: casts of a weight's integers.
    undone: frozenset[str]
    #: Scales that may be learned, in the graph's order; those of biases follow.
    scales: tuple[str, ...]


def is_quantized(model: onnx.ModelProto) -> bool:
    """Whether the graph has Q/DQ pairs."""
    return any(kind_of(node) in ("QuantizeLinear", "DequantizeLinear") for node in model.graph.node)


def layout_of(model: onnx.ModelProto) -> Layout:
    """What can be trained among the Q/DQ nodes. Nodes of other uses (computed scales, odd pairs) are left out."""
    graph = Graph(copy_of(model))
    weights: list[Weight] = []
    biases: list[Bias] = []
    activations: list[Activation] = []
    undone: set[str] = set()
    for node in graph.model.graph.node:
        kind = kind_of(node)
        if kind not in ("QuantizeLinear", "DequantizeLinear") or not graph.is_constant(node.input[1]):
            continue
        if kind == "QuantizeLinear":
            partners = graph.consumers(node.output[0])
            if node.output[0] not in graph.outputs and partners and all(_undoes(graph, node, p) for p in partners):
                activations.append(Activation(node.name, node.input[0], _numbers(graph, node, None)))
                undone.update(partner.name for partner in partners)
            continue
        tensor, cast = _stored(graph, node)
        if not tensor:
            continue
        values = graph.constant(tensor)
        bias = _bias(graph, node) if values.dtype.name == "int32" else None
        if bias:
            biases.append(bias)
        elif values.dtype.name in BOUNDS and values.dtype.name != "int32":
            weights.append(Weight(node.name, tensor, node.output[0], _numbers(graph, node, values)))
            undone.update([cast] if cast else [])
    followed = {bias.scale for bias in biases}
    learned = dict.fromkeys(use.numbers.scale for use in (*weights, *activations))
    biases = [bias for bias in biases if bias.data_scale in learned and bias.weight_scale in learned]
    return Layout(
        tuple(weights),
        tuple(biases),
        tuple(activations),
        frozenset(undone),
        tuple(name for name in learned if name not in followed),
    )


def _stored(graph: Graph, node: onnx.NodeProto) -> tuple[str, str]:
    """The integer constant that a DequantizeLinear takes, and the cast between them where there is one."""
    if graph.is_constant(node.input[0]):
        return node.input[0], ""
    cast = graph.producer(node.input[0])
    if cast is None or kind_of(cast) != "Cast" or not graph.is_constant(cast.input[0]):
        return "", ""
    return cast.input[0], cast.name


def _numbers(graph: Graph, node: onnx.NodeProto, values: Array | None) -> Numbers:
    attributes = attributes_of(node)
    scale = graph.constant(node.input[1])
    if len(node.input) > 2 and node.input[2]:
        zero = graph.constant(node.input[2])
        kind = zero.dtype.name
    else:
        wanted = int(attributes.get("output_dtype", 0))
        kind = TensorProto.DataType.Name(wanted).lower() if wanted else "uint8"
        kind = kind if values is None else values.dtype.name
        zero = np.zeros_like(scale)
    low, high = BOUNDS[kind if values is None else values.dtype.name]
    if values is not None and values.dtype.name == "int8":
        low, high = _kept_to(values.astype(np.int64))
    return Numbers(
        node.input[1],
        zero.astype(np.int64),
        low,
        high,
        int(attributes.get("axis", 1)),
        int(attributes.get("block_size", 0)),
    )


def _kept_to(values: Array) -> tuple[int, int]:
    """Eight-bit weights stay within what their placement kept to: seven bits, symmetric, or all of them."""
    largest = int(np.abs(values).max(initial=0))
    if 0 < largest <= REDUCED:
        return -REDUCED, REDUCED
    return (-127, 127) if int(values.min(initial=0)) >= -127 else (-128, 127)


def _undoes(graph: Graph, node: onnx.NodeProto, partner: onnx.NodeProto) -> bool:
    """Whether a consumer of a QuantizeLinear gives back the numbers that it took, rounded."""
    if kind_of(partner) != "DequantizeLinear" or partner.input[0] != node.output[0]:
        return False
    same: Callable[[int], bool] = lambda position: _same(graph, _at(node, position), _at(partner, position))  # noqa: E731
    ours, theirs = attributes_of(node), attributes_of(partner)
    return same(1) and same(2) and ours.get("axis", 1) == theirs.get("axis", 1)


def _at(node: onnx.NodeProto, position: int) -> str:
    return node.input[position] if position < len(node.input) else ""


def _same(graph: Graph, one: str, other: str) -> bool:
    if one == other:
        return True
    if not graph.is_constant(one) or not graph.is_constant(other):
        return False
    return np.array_equal(graph.constant(one), graph.constant(other))


def _bias(graph: Graph, node: onnx.NodeProto) -> Bias | None:
    """A bias whose one consumer takes data and weight in integers too."""
    consumers = graph.consumers(node.output[0])
    if len(consumers) != 1 or list(consumers[0].input).index(node.output[0]) != BIAS:
        return None
    partners = [graph.producer(consumers[0].input[position]) for position in (0, 1)]
    data, weight = partners
    if data is None or weight is None or any(kind_of(part) != "DequantizeLinear" for part in (data, weight)):
        return None
    if not all(graph.is_constant(part.input[1]) for part in (data, weight)):
        return None
    product = graph.constant(data.input[1]).astype(np.float64).reshape(-1) * graph.constant(weight.input[1]).reshape(-1)
    scale = graph.constant(node.input[1])
    if product.shape != scale.reshape(-1).shape or not np.allclose(product, scale.reshape(-1), rtol=1e-4):
        return None
    return Bias(node.name, node.input[0], node.input[1], data.input[1], weight.input[1])


def integers_of(model: onnx.ModelProto) -> dict[str, Array]:
    """The constants of a graph by name, integers of four bits included."""
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
