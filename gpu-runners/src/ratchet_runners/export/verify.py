"""Loads what was written and holds it against ONNX Runtime: shapes, types, values, latency."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import onnx

from ratchet_runners.data.rows import Floats, Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.evaluate.latency import compare, measure
from ratchet_runners.export.adapter import Adapter, Runner
from ratchet_runners.export.document import Verification
from ratchet_runners.model.precision import form_of
from ratchet_runners.model.scoring import agreement, predictions, score, serialise
from ratchet_runners.model.session import session_of

BATCH = 64
#: Largest difference, in units of the largest number: of sums in another order; of another rounding of integers, which
#: a step of the last activation's scale may show.
FLOAT_DIFFERENCE, INTEGER_DIFFERENCE = 1e-3, 0.15
#: Share of answers that must be the same.
LEAST_AGREEMENT = 0.99


def verify(
    adapter: Adapter,
    file: Path,
    model: onnx.ModelProto,
    rows: Inputs,
    contract: ModelContract,
    threads: int = 1,
    rounds: int = 20,
    seconds: float = 5.0,
) -> Verification:
    """`rows` are real ones. @throws ExportFailed where the target does not load its own file"""
    runner = adapter.load(file, contract, threads)
    expected = score(model, rows, contract, threads)
    first = np.asarray(runner(np.ascontiguousarray(rows[:BATCH])))
    found = _answers(runner, rows, expected)
    faults = [*_form_faults(first, expected[:BATCH])]
    difference, agreeing = float("inf"), 0.0
    if not faults:
        scale = float(np.abs(expected).max(initial=0.0)) + 1e-9
        difference = float(np.abs(found - expected).max(initial=0.0)) / scale
        agreeing = agreement(predictions(expected, contract), predictions(found, contract), contract) or 0.0
        faults += _value_faults(difference, agreeing, form_of(model) in ("float", "weights"))
    session = session_of(serialise(model), threads)
    batch = np.ascontiguousarray(rows[:1])
    timed = measure(
        {
            "exported": partial(runner, batch),
            "onnx": partial(session.run, [contract.output.name], {contract.input.name: batch}),
        },
        rounds,
        seconds,
    )
    latency = compare(timed, "exported", "onnx", 1, threads, 0.95, 0)
    return Verification(
        rows=len(rows),
        shape=tuple(first.shape),
        datatype=str(first.dtype),
        largest_difference=difference if np.isfinite(difference) else 1e9,
        agreement=agreeing,
        latency_ratio=latency.ratio.value,
        latency_low=latency.ratio.low or 0.0,
        latency_high=latency.ratio.high or 0.0,
        faults=tuple(faults),
    )


def _answers(runner: Runner, rows: Inputs, like: Floats) -> Floats:
    parts = [np.asarray(runner(np.ascontiguousarray(rows[at : at + BATCH]))) for at in range(0, len(rows), BATCH)]
    return np.concatenate(parts).astype(np.float32) if parts else like[:0]


def _form_faults(found: Floats, expected: Floats) -> list[str]:
    faults: list[str] = []
    if found.shape != expected.shape:
        faults.append(f"it answers with shape {list(found.shape)}, ONNX Runtime with {list(expected.shape)}")
    if found.dtype != np.float32:
        faults.append(f"it answers with {found.dtype}, the contract says FP32")
    if found.shape == expected.shape and not np.isfinite(found).all():
        faults.append("it answers real rows with numbers that are not finite")
    return faults


def _value_faults(difference: float, agreeing: float, exact: bool) -> list[str]:
    limit = FLOAT_DIFFERENCE if exact else INTEGER_DIFFERENCE
    faults: list[str] = []
    if not difference <= limit:
        faults.append(f"its answers differ by {difference:.2e} of the largest number, at most {limit:g} are allowed")
    if agreeing < LEAST_AGREEMENT:
        faults.append(f"it agrees on {agreeing:.4f} of the rows, at least {LEAST_AGREEMENT:g} are asked for")
    return faults
