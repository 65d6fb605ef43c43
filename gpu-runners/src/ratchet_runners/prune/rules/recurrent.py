"""GRU, LSTM and RNN: the hidden size."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from ratchet_runners.prune.atoms import Labels
from ratchet_runners.prune.trace import Axes, Product, Resize, Trace, rule

#: Gates in a weight; in the peepholes.
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
PEEPHOLES = 3


@rule("RNN", "GRU", "LSTM")
def recurrent(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    """W [directions, gates·hidden, input], R [directions, gates·hidden, hidden], B [directions, 2·gates·hidden].

    A hidden unit leaves all gates of both directions at once, because both lie in one tensor.
    """
    data, weight, recurrence = node.input[0], node.input[1], node.input[2]
    gates, hidden = GATES[node.op_type], trace.size(recurrence)[2]
    directions = trace.size(recurrence)[0]
    units = trace.of(recurrence)[2] if hidden > 1 else None
    trace.tie(trace.of(data)[2], trace.of(weight)[2], f"{node.op_type} ({node.name}) takes what keeps its shape")
    if directions > 1:
        for name in [*node.input[1:4], *node.input[5:8]]:
            if name:
                trace.keep(trace.of(name)[0], f"{node.op_type} ({node.name}) has two directions")
    if units is not None:
        _tie_gates(trace, node, gates, units)
        trace.resizes.append(Resize(node.name, ((0, units),)))
        trace.note(trace.made, (recurrence, 1), node)
        trace.note(trace.summed, (recurrence, 2), node)
    trace.note(trace.summed, (weight, 2), node)
    _work(trace, node, gates)
    last: Axes = [None, units]
    if _batch_first(node):
        trace.keep(units, f"{node.op_type} ({node.name}) has the batch first")
    return [[None, None, *last], [None, *last], [None, *last]]


def _tie_gates(trace: Trace, node: onnx.NodeProto, gates: int, units: Labels) -> None:
    for position, repeats in ((1, gates), (2, gates), (3, 2 * gates), (7, PEEPHOLES)):
        if len(node.input) > position and node.input[position]:
            labels = trace.of(node.input[position])[1]
            trace.tie(np.tile(units, repeats), labels, f"{node.op_type} ({node.name}) keeps its gates")
    for position in (5, 6):
        if len(node.input) > position and node.input[position]:
            state = trace.of(node.input[position])
            trace.tie(units, state[-1], f"{node.op_type} ({node.name}) begins with a state that keeps its shape")


def _work(trace: Trace, node: onnx.NodeProto, gates: int) -> None:
    steps, rows = trace.size(node.input[0])[:2]
    if _batch_first(node):
        steps, rows = rows, steps
    for name in (node.input[1], node.input[2]):
        _, outputs, inputs = trace.of(name)
        fixed = float(steps * trace.size(name)[0])
        for labels, size in ((outputs, trace.size(name)[1]), (inputs, trace.size(name)[2])):
            fixed *= 1 if labels is not None else size
        axes = tuple(labels for labels in (outputs, inputs) if labels is not None)
        trace.products.append(Product(node.name, axes, fixed * rows / trace.probe.batch))


def _batch_first(node: onnx.NodeProto) -> bool:
    return any(attribute.name == "layout" and attribute.i == 1 for attribute in node.attribute)
