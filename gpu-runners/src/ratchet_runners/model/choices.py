"""Choices (`If`) that only shapes decide: with the shapes of the contract they are no choices."""

from __future__ import annotations

import numpy as np
import onnx

from ratchet_runners.data.rows import Inputs
from ratchet_runners.model.graph import Graph, copy_of, kind_of
from ratchet_runners.model.scoring import serialise, session_of

#: Batches that a condition is asked for: the batch alone is free, and must not decide.
BATCHES = (1, 2, 3, 7)


def settled(model: onnx.ModelProto, input_name: str, rows: Inputs) -> onnx.ModelProto:
    """Conditions that depend on nothing but the shapes of `rows` become constants; others stay as they are.

    ONNX Runtime's constant folding then takes the branch. @throws ModelUnusable when the model does not load
    """
    made = copy_of(model)
    graph = Graph(made)
    known = {
        node.input[0]: node
        for node in made.graph.node
        if kind_of(node) == "If" and not graph.is_constant(node.input[0]) and _by_shape(graph, node.input[0])
    }
    if not known or not len(rows):
        return model
    tapped = copy_of(model)
    del tapped.graph.output[:]
    tapped.graph.output.extend(onnx.ValueInfoProto(name=name) for name in known)
    session = session_of(serialise(tapped), 1)
    answers = [
        session.run(list(known), {input_name: np.resize(rows[:1], (batch, *rows.shape[1:]))}) for batch in BATCHES
    ]
    for position, (name, node) in enumerate(known.items()):
        told = {bool(np.asarray(answer[position]).reshape(-1)[0]) for answer in answers}
        if len(told) == 1:
            constant = graph.fresh_name(f"{name}_settled")
            graph.set_constant(constant, np.array(told.pop()))
            graph.rename_input(node, name, constant)
    return made


def _by_shape(graph: Graph, name: str) -> bool:
    """Whether a tensor is made of constants and shapes alone."""
    waiting, seen = [name], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or not name or graph.is_constant(name):
            continue
        seen.add(name)
        node = graph.producer(name)
        if node is None or any(attribute.HasField("g") for attribute in node.attribute):
            return False
        if kind_of(node) not in ("Shape", "Size", "Constant"):
            waiting += node.input
    return True
