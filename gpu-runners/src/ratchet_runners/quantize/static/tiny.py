"""Small models seldom get faster by eight bits: whether this one does is measured, not guessed."""

from __future__ import annotations

import time

import numpy as np
import onnx

from ratchet_runners.model.scoring import serialise, session_of
from ratchet_runners.workbench import Workbench

#: Below so many weights the fixed costs of a quantized graph usually outweigh what it saves.
SMALL = 50_000
#: Requests that are timed, in turns with the original's, and seconds after which no more are.
ROUNDS, SECONDS = 200, 0.5


def judge_tiny(
    original: onnx.ModelProto,
    quantized: onnx.ModelProto,
    allowed: bool | None,
    bench: Workbench,
    figures: dict[str, float | None],
    notes: list[str],
) -> tuple[str, ...]:
    """Notes how a small model's latency has changed; a refusal where it is worse than what the objectives allow.

    Only the original's size decides whether anything is measured, and only a capped latency whether the measured can
    refuse: without a cap the same inputs give the same candidate, whatever the machine is busy with.
    """
    weights = sum(int(np.prod(tensor.dims, dtype=np.int64)) for tensor in original.graph.initializer)
    if weights >= SMALL:
        return ()
    ceiling = bench.objectives.maximum_latency_ratio
    if allowed or (allowed is None and ceiling is None):
        notes.append(f"the model has {weights} weights: so small a model seldom gets faster by quantization")
        return ()
    ratio = latency_ratio(original, quantized, bench)
    figures["tinyLatencyRatio"] = round(ratio, 3)
    told = f"the model has {weights} weights, and eight bits take {ratio:.2f} times as long as floats at one row"
    if ratio <= (ceiling if ceiling is not None else 1.0):
        notes.append(told)
        return ()
    return (f"{told}: so small a model gains nothing; keep it, or set allowTiny where size alone matters",)


def latency_ratio(original: onnx.ModelProto, other: onnx.ModelProto, bench: Workbench) -> float:
    """Shortest answer of `other` by the shortest of the original, on one real row, in turns."""
    row = {bench.contract.input.name: np.ascontiguousarray(bench.rows.input[bench.split.train[:1]])}
    sessions = [session_of(serialise(model), bench.threads) for model in (original, other)]
    best = [float("inf")] * len(sessions)
    ends = time.monotonic() + SECONDS
    for number in range(ROUNDS):
        for position, session in enumerate(sessions):
            started = time.perf_counter()
            session.run([bench.contract.output.name], row)
            best[position] = min(best[position], time.perf_counter() - started)
        if number >= 10 and time.monotonic() > ends:
            break
    return best[1] / best[0]
