"""What the objectives are held against: paired loss, agreement, latency, size. ONNX Runtime alone judges."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import onnx

from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.data.rows import Doubles, Indices
from ratchet_runners.documents.job import Regression
from ratchet_runners.evaluate.latency import measure as time_calls
from ratchet_runners.evaluate.options import EvaluationOptions
from ratchet_runners.evaluate.run import evaluate
from ratchet_runners.execution.stages import key_of, remembered
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.load import contract_faults
from ratchet_runners.model.scoring import agreement, predictions, score, serialise, session_of
from ratchet_runners.recipes.pipeline import surroundings
from ratchet_runners.recipes.verdict import Measured, measured_of
from ratchet_runners.workbench import Workbench

#: With fewer labelled rows agreement with the reference is the better judge.
ENOUGH_LABELS = 30
#: Rounds and seconds of a comparison of latencies at one batch size.
LATENCY_ROUNDS, LATENCY_SECONDS = 40, 1.5
#: One-sided 95 %.
NORMAL_QUANTILE = 1.645


def measure(
    name: str,
    candidate: onnx.ModelProto,
    reference: onnx.ModelProto,
    bench: Workbench,
    positions: Indices | None = None,
) -> Measured:
    """The candidate on the rows that choose, or on `positions`; remembered, so that a resumed search decides alike.

    @throws ModelUnusable when it breaks the contract or answers with numbers that are not finite
    """
    where = bench.split.select if positions is None else positions
    content = serialise(candidate)
    key = key_of({**surroundings(bench), "measure": digest_of_bytes(content), "rows": digest_of_bytes(where.tobytes())})

    def make() -> dict[str, Any]:
        return {"input": digest_of_bytes(content), "figures": _measure(candidate, reference, bench, where).figures()}

    return measured_of(remembered(bench.stages, key, f"measure-{name}", make)["figures"])


def _measure(candidate: onnx.ModelProto, reference: onnx.ModelProto, bench: Workbench, where: Indices) -> Measured:
    faults = contract_faults(candidate, bench.contract)
    if faults:
        raise ModelUnusable("The compressed model breaks the contract", faults)
    fresh = where[~bench.rows.replay[where]]
    where = fresh if len(fresh) else where
    rows = bench.rows.take(where)
    old, new = (
        predictions(score(model, rows.input, bench.contract, bench.threads), bench.contract)
        for model in (reference, candidate)
    )
    if not np.isfinite(new).all():
        raise ModelUnusable("The compressed model answers real rows with numbers that are not finite")
    labelled = rows.labelled
    basis = "labels" if labelled.sum() >= min(ENOUGH_LABELS, len(rows)) else "agreement"
    if basis == "labels":
        lost = _lost(old[labelled], new[labelled], rows.label[labelled], bench)
    else:
        lost = _differs(old, new, bench)
    doubt = NORMAL_QUANTILE * float(np.std(lost)) / max(1, len(lost)) ** 0.5
    champion, original = _latency_ratios(candidate, reference, bench)
    return Measured(
        loss=float(lost.mean()),
        loss_bound=float(lost.mean()) + doubt,
        basis=basis,
        rows=len(lost),
        agreement=agreement(old, new, bench.contract),
        latency_ratio=champion,
        reference_latency_ratio=original,
        size_ratio=len(serialise(candidate)) / len(serialise(reference)),
        size_bytes=len(serialise(candidate)),
    )


def _lost(old: Doubles, new: Doubles, labels: Doubles, bench: Workbench) -> Doubles:
    """Points that each row adds to the loss: 1 where only the reference is right, -1 where only the candidate is.

    Regression: squared errors in units of the labels' variance, so that the mean is the loss of explained variance.
    """
    if isinstance(bench.contract.task, Regression):
        spread = float(np.var(labels)) or 1.0
        return ((new - labels) ** 2 - (old - labels) ** 2) / spread
    return (old == labels).astype(np.float64) - (new == labels).astype(np.float64)


def _differs(old: Doubles, new: Doubles, bench: Workbench) -> Doubles:
    if isinstance(bench.contract.task, Regression):
        return (np.abs(old - new) > 0.1 * float(np.std(old)) + 1e-9).astype(np.float64)
    return (old != new).astype(np.float64)


def _latency_ratios(candidate: onnx.ModelProto, reference: onnx.ModelProto, bench: Workbench) -> tuple[float, float]:
    """Least time of a call over the champion's and over the reference's; of all served batch sizes the worst.

    Least times of interleaved rounds hardly move when other processes take half of the machine; medians do.
    """
    models = {"candidate": candidate, "reference": reference}
    models |= {"champion": bench.models["champion"]} if "champion" in bench.models else {}
    sessions = {name: session_of(serialise(model), bench.serving.threads) for name, model in models.items()}
    output, ratios = bench.contract.output.name, list[tuple[float, float]]()
    for size in bench.serving.batch_sizes:
        rows = np.ascontiguousarray(bench.rows.input[np.resize(bench.split.select, size)])
        feed = {bench.contract.input.name: rows}
        calls = {name: partial(session.run, [output], feed) for name, session in sessions.items()}
        least = {
            name: float(seconds.min())
            for name, seconds in time_calls(calls, LATENCY_ROUNDS, LATENCY_SECONDS).seconds.items()
        }
        against = least.get("champion", least["reference"])
        ratios.append((least["candidate"] / against, least["candidate"] / least["reference"]))
    return max(each[0] for each in ratios), max(each[1] for each in ratios)


def evaluated(
    candidate: onnx.ModelProto, reference: onnx.ModelProto, bench: Workbench, options: EvaluationOptions
) -> dict[str, Any]:
    """Everything that `evaluate` finds on held-back rows, as JSON."""
    found = evaluate({"candidate": candidate}, reference, bench, options)["candidate"]
    return found.model_dump(mode="json", by_alias=True)
