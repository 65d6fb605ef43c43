"""Seconds and bytes of a step: what its configuration declares, corrected by this machine and by past reports."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ratchet_runners.technique import Cost, Subject, Technique

#: Multiply-accumulate operations a second of one thread of the machine that the declared costs were measured on.
REFERENCE_SPEED = 2.0e10
#: What a measurement may change: beyond it something else is wrong.
SLOWEST, FASTEST = 20.0, 0.2
#: Steps of past reports that a technique needs before they count fully (weight n / (n + this)).
PRIOR_STEPS = 2.0


@dataclass(frozen=True)
class Costs:
    """`machine`: seconds here for a second there. `learned`: what steps took, as a multiple of what was expected."""

    machine: float = 1.0
    learned: Mapping[str, float] = field(default_factory=dict[str, float])

    def of(self, step: Technique, subject: Subject) -> Cost:
        declared = step.cost(subject)
        name = str(type(step).model_fields["technique"].default)
        seconds = declared.seconds * self.machine * self.learned.get(name, 1.0)
        return Cost(round(seconds, 1), declared.peak_bytes)


def machine_factor(seconds: float = 0.05) -> float:
    """How much slower (above 1) than the reference machine this one multiplies matrices on one thread.

    The best of several rounds: other processes can only make a round slower. Imports numpy and ONNX Runtime.
    """
    import numpy as np
    from onnx import TensorProto, helper

    from ratchet_runners.model.scoring import session_of

    size = 256
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [size, size]) for name in ("a", "b")]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "speed", values, [])
    graph.output.append(helper.make_tensor_value_info("c", TensorProto.FLOAT, [size, size]))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = session_of(model.SerializeToString(), 1)
    given = np.linspace(-1, 1, size * size, dtype=np.float32).reshape(size, size)
    best, ending = math.inf, time.perf_counter() + seconds
    while best == math.inf or time.perf_counter() < ending:
        started = time.perf_counter()
        session.run(["c"], {"a": given, "b": given})
        best = min(best, time.perf_counter() - started)
    return min(SLOWEST, max(FASTEST, REFERENCE_SPEED / (size**3 / best)))


def learned_factors(reports: Iterable[Mapping[str, Any]], machine: float = 1.0) -> dict[str, float]:
    """From past reports: each technique's seconds over those that were expected (geometric mean, shrunk towards 1)."""
    logs: dict[str, list[float]] = {}
    for report in reports:
        tried = [*report.get("steps", ()), *(s for a in report.get("alternatives", ()) for s in a.get("steps", ()))]
        for step in tried:
            expected, took = step.get("expectedSeconds"), step.get("seconds")
            if expected and took:
                logs.setdefault(step["technique"], []).append(math.log(took / (expected * machine)))
    return {
        name: math.exp(sum(values) / len(values) * len(values) / (len(values) + PRIOR_STEPS))
        for name, values in sorted(logs.items())
    }
