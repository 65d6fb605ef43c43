"""Brings a graph into a form whose shapes and constants can follow a removal."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx

from ratchet_runners.model.graph import Graph, copy_of, kind_of
from ratchet_runners.prune.probe import Probe


def prepared(model: onnx.ModelProto, sizes: Probe) -> onnx.ModelProto:
    """A copy that answers the same: shapes that come out alike are constants, layers have biases of their own."""
    graph = Graph(copy_of(model))
    del graph.model.graph.value_info[:]
    _settle_shapes(graph, sizes)
    _unshare(graph)
    _drop_dead(graph)
    return graph.model


def _settle_shapes(graph: Graph, sizes: Probe) -> None:
    """Exporters compute shapes of Reshapes with arithmetic; often a constant says the same.

    It does where each length is a number, that of the input at the same place, or the one that follows from the rest.
    """
    for node in graph.model.graph.node:
        if kind_of(node) != "Reshape" or graph.is_constant(node.input[1]):
            continue
        shape = _settled(node, sizes)
        if shape is not None:
            name = graph.fresh_name(f"{node.name}_shape")
            graph.set_constant(name, np.array(shape, dtype=np.int64))
            node.input[1] = name
    graph.reindex()


def _settled(node: onnx.NodeProto, sizes: Probe) -> list[int] | None:
    seen = [sizes.sizes, *sizes.others]
    before, after = [each[node.input[0]] for each in seen], [each[node.output[0]] for each in seen]
    shape: list[int] = []
    for position in range(len(after[0])):
        lengths = {made[position] for made in after}
        if len(lengths) == 1 and 0 not in lengths:
            shape.append(lengths.pop())
        elif all(len(taken) > position for taken in before) and all(
            made[position] == taken[position] for made, taken in zip(after, before, strict=True)
        ):
            shape.append(0)
        else:
            shape.append(-1)
    return shape if shape.count(-1) < 2 and len(seen) > 1 else None


def _unshare(graph: Graph) -> None:
    """Exporters merge constants that happen to be equal, and layers that share one would have to be pruned alike.

    Larger constants stay shared: equal matrices are meant.
    """
    users: Counter[str] = Counter()
    for node in graph.model.graph.node:
        for position, name in enumerate(node.input):
            if not name or not graph.is_constant(name):
                continue
            users[name] += 1
            value = graph.constant(name) if users[name] > 1 else None
            if value is not None and value.dtype.kind == "f" and 1 < value.size == max(value.shape):
                node.input[position] = graph.fresh_name(f"{name}@{users[name]}")
                graph.set_constant(node.input[position], value)
    graph.reindex()


def _drop_dead(graph: Graph) -> None:
    """Nodes that no output needs any more."""
    needed = set(graph.outputs)
    dead: list[onnx.NodeProto] = []
    for node in reversed(graph.model.graph.node):
        if needed.isdisjoint(node.output):
            dead.append(node)
        else:
            needed.update(node.input)
    if dead and not any(attribute.HasField("g") for node in graph.model.graph.node for attribute in node.attribute):
        graph.remove(dead)
    graph.drop_unused_constants()
