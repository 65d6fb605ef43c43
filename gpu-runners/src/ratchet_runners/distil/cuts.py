"""Tensors through which everything flows: what features are compared at, and between which blocks lie."""

from __future__ import annotations

from collections import Counter

import onnx

from ratchet_runners.model.graph import Graph, kind_of

#: What they give depends on shapes alone, not on what a row holds.
SHAPE_OPERATORS = frozenset({"Shape", "Size"})


def cut_tensors(graph: Graph, output: str) -> list[str]:
    """Tensors strictly between input and output that all that was learned runs through, in order.

    They are the articulation points of the graph of activations: after a node in topological order exactly one
    activation is still to be used. An activation is what a matrix of weights had a part in: the input, masks of
    it, constants and what is computed from shapes alone do not count. Nodes must be sorted.
    """
    needed = _needed(graph, output)
    weights = _weights(graph, needed)
    active: set[str] = set()
    waiting: Counter[str] = Counter()
    for node in needed:
        waiting.update({name: 1 for name in dict.fromkeys(node.input) if name})
    live: set[str] = set()
    found: list[str] = []
    for node in needed:
        taken = [name for name in dict.fromkeys(node.input) if name]
        for name in taken:
            waiting[name] -= 1
        learned = any(name in active or name in weights for name in taken)
        if learned and node.op_type not in SHAPE_OPERATORS and node.output[0] not in weights:
            active.update(name for name in node.output if name)
            live.update(name for name in node.output if name and waiting[name])
        live = {name for name in live if waiting[name]}
        if len(live) == 1:
            (name,) = live
            if not found or found[-1] != name:
                found.append(name)
    return found


def _weights(graph: Graph, nodes: list[onnx.NodeProto]) -> set[str]:
    """Constants of at least two dimensions above one, and what integer ones of them stand for."""
    found = {tensor.name for tensor in graph.model.graph.initializer if sum(size > 1 for size in tensor.dims) >= 2}
    for node in nodes:
        if node.op_type in ("DequantizeLinear", "Identity", "Transpose", "Cast") and node.input[0] in found:
            found.add(node.output[0])
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
