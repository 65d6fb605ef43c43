"""Tensors through which everything flows: what features are compared at, and between which blocks lie."""

from __future__ import annotations

from collections import Counter

import onnx

from ratchet_runners.model.graph import Graph, kind_of

#: What they give depends on shapes alone, not on what a row holds.
SHAPE_OPERATORS = frozenset({"Shape", "Size"})


def cut_tensors(graph: Graph, output: str) -> list[str]:
    """Tensors strictly between input and output that every path from one to the other runs through, in order.

    They are the articulation points of the graph of activations: after a node in topological order exactly one
    activation is still to be used. Constants and what is computed from shapes alone do not count; nodes must be sorted.
    """
    needed = _needed(graph, output)
    active = set(graph.inputs)
    waiting: Counter[str] = Counter()
    for node in needed:
        waiting.update({name: 1 for name in dict.fromkeys(node.input) if name})
    live = {name for name in active if waiting[name]}
    found: list[str] = []
    for node in needed:
        taken = [name for name in dict.fromkeys(node.input) if name]
        for name in taken:
            waiting[name] -= 1
        if node.op_type not in SHAPE_OPERATORS and any(name in active for name in taken):
            active.update(name for name in node.output if name)
            live.update(name for name in node.output if name and waiting[name])
        live = {name for name in live if waiting[name]}
        if len(live) == 1:
            (name,) = live
            if name not in graph.inputs and (not found or found[-1] != name):
                found.append(name)
    return found


def attention_tensors(graph: Graph, output: str) -> list[str]:
    """Outputs of the softmax nodes inside the graph, in order: the probabilities of attention."""
    last = _tail(graph, output)
    return [
        node.output[0] for node in _needed(graph, output) if kind_of(node) == "Softmax" and node.output[0] not in last
    ]


def _needed(graph: Graph, output: str) -> list[onnx.NodeProto]:
    """The nodes that the output depends on, in the graph's order."""
    wanted, kept = {output}, list[onnx.NodeProto]()
    for node in reversed(graph.model.graph.node):
        if any(name in wanted for name in node.output):
            kept.append(node)
            wanted.update(name for name in node.input if name)
    return kept[::-1]


def _tail(graph: Graph, output: str) -> set[str]:
    """The output and what it is a mere copy of: a softmax there gives answers, not attention."""
    names, name = {output}, output
    while (node := graph.producer(name)) is not None and node.op_type in ("Identity", "Reshape", "Cast", "Squeeze"):
        name = node.input[0]
        names.add(name)
    return names
