"""Latency of several models side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import onnx

from ratchet_runners.model.scoring import serialise, session_of
from ratchet_runners.workbench import Workbench

ROUNDS = 40
SECONDS = 1.5
FEWEST_ROUNDS = 8


def interleaved(models: Mapping[str, onnx.ModelProto], bench: Workbench) -> dict[str, float]:
    """Seconds of the fastest call of each at the first served batch size, one after the other in every round.

    Under load minima of interleaved rounds move by a few percent where medians of separate runs swing by factors.
    """
    sessions = {name: session_of(serialise(model), bench.serving.threads) for name, model in models.items()}
    chosen = np.resize(bench.split.select, bench.serving.batch_sizes[0])
    feed = {bench.contract.input.name: np.ascontiguousarray(bench.rows.input[chosen])}
    best = dict.fromkeys(models, float("inf"))
    ending = time.perf_counter() + SECONDS
    for number in range(ROUNDS):
        for name, session in sessions.items():
            started = time.perf_counter()
            session.run([bench.contract.output.name], feed)
            best[name] = min(best[name], time.perf_counter() - started) if number else float("inf")
        if number >= FEWEST_ROUNDS and time.perf_counter() > ending:
            break
    return best
