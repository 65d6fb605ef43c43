"""Finds the constants before a tensor that can take a division of its channels, so that nothing has to be inserted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper

from ratchet_runners.model.graph import Array, Graph, kind_of

#: One change that divides channels; nothing is changed before all are found.
Change = Callable[[Array], None]

#: f(x / s) = f(x) / s for every s > 0.
HOMOGENEOUS = frozenset({"Relu", "LeakyRelu", "Identity", "Dropout"})


def changes_before(graph: Graph, tensor: str, width: int, users: set[str]) -> list[Change] | None:
    """What divides the last axis of `tensor` by factors; None where something that is no constant stands in the way.

    `users` are the only nodes that may take the tensor: for any other the division would be a fault.
    """
    node = graph.producer(tensor)
    if node is None or tensor in graph.outputs or {user.name for user in graph.consumers(tensor)} - users:
        return None
    kind = kind_of(node)
    if kind in HOMOGENEOUS:
        return changes_before(graph, node.input[0], width, {node.name})
    if kind == "LayerNormalization" and _is_vector(graph, node.input[1], width):
        return _constants(graph, node, [1, 2], width)
    if kind in ("MatMul", "Gemm") and _produces(graph, node, width):
        return _product(graph, node, width)
    if kind in ("Mul", "Add", "Sub", "Div"):
        return _pointwise(graph, node, kind, width)
    return None


def insert_division(graph: Graph, tensor: str, users: list[str], divisors: Array) -> None:
    """Gives these users a divided copy of the tensor."""
    name = graph.fresh_name(f"{tensor}_smooth")
    graph.set_constant(f"{name}_factor", (1 / divisors).astype(np.float32))
    for user in users:
        graph.rename_input(graph.nodes[user], tensor, f"{name}_out")
    graph.insert([helper.make_node("Mul", [tensor, f"{name}_factor"], [f"{name}_out"], name=name)])


def _pointwise(graph: Graph, node: onnx.NodeProto, kind: str, width: int) -> list[Change] | None:
    position = next((place for place, name in enumerate(node.input) if graph.is_constant(name)), None)
    if position is None or (kind == "Div" and position == 0):
        return None
    name, other = node.input[position], node.input[1 - position]
    if kind in ("Mul", "Div"):
        if not _is_vector(graph, name, width) and graph.constant(name).size != 1:
            return None
        return [_divider(graph, node, position, width, inverse=kind == "Div")]
    before = changes_before(graph, other, width, {node.name})
    if before is None or not (_is_vector(graph, name, width) or graph.constant(name).size == 1):
        return None
    return [*before, _divider(graph, node, position, width)]


def _constants(graph: Graph, node: onnx.NodeProto, positions: list[int], width: int) -> list[Change] | None:
    given = [position for position in positions if position < len(node.input) and node.input[position]]
    if not all(_is_vector(graph, node.input[position], width) for position in given):
        return None
    return [_divider(graph, node, position, width) for position in given]


def _product(graph: Graph, node: onnx.NodeProto, width: int) -> list[Change] | None:
    flipped = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    found = [_divider(graph, node, 1, width, axis=0 if flipped else 1)]
    if len(node.input) > 2 and node.input[2]:
        if not graph.is_constant(node.input[2]):
            return None
        found.append(_divider(graph, node, 2, width))
    return found


def _produces(graph: Graph, node: onnx.NodeProto, width: int) -> bool:
    if not graph.is_constant(node.input[1]):
        return False
    shape = graph.constant(node.input[1]).shape
    flipped = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return len(shape) == 2 and shape[0 if flipped else 1] == width


def _is_vector(graph: Graph, name: str, width: int) -> bool:
    return graph.is_constant(name) and graph.constant(name).size == width == graph.constant(name).shape[-1]


def _divider(
    graph: Graph, node: onnx.NodeProto, position: int, width: int, inverse: bool = False, axis: int = -1
) -> Change:
    """Divides (or, for a divisor, multiplies) a constant of one node; other nodes that use it keep its value."""

    def change(divisors: Array) -> None:
        name = node.input[position]
        value = graph.constant(name).astype(np.float64)
        if value.size == 1:
            value = np.full(width, value.reshape(()), np.float64)
        factor = divisors if inverse else 1 / divisors
        shaped = factor.reshape(-1, 1) if axis == 0 else factor
        made = (value * shaped).astype(np.float32)
        if len(graph.consumers(name)) > 1:
            fresh = graph.fresh_name(f"{name}_smooth")
            graph.set_constant(fresh, made)
            node.input[position] = fresh
            graph.reindex()
        else:
            graph.set_constant(name, made)

    return change
