"""What the objectives are held against: paired loss, agreement, latency, size. ONNX Runtime alone judges."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.data.rows import Doubles, Indices
from ratchet_runners.documents.job import Regression
from ratchet_runners.execution.stages import key_of, remembered
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.load import contract_faults
from ratchet_runners.model.scoring import agreement, predictions, score, serialise
from ratchet_runners.recipes.pipeline import surroundings
from ratchet_runners.recipes.timing import interleaved
from ratchet_runners.recipes.verdict import Measured, measured_of
from ratchet_runners.workbench import Workbench

#: With fewer labelled rows agreement with the reference is the better judge.
ENOUGH_LABELS = 30
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
    champion = bench.models.get("champion", reference)
    times = interleaved({"candidate": candidate, "champion": champion, "reference": reference}, bench)
    return Measured(
        loss=float(lost.mean()),
        loss_bound=float(lost.mean()) + doubt,
        basis=basis,
        rows=len(lost),
        agreement=agreement(old, new, bench.contract),
        latency_ratio=times["candidate"] / times["champion"],
        reference_latency_ratio=times["candidate"] / times["reference"],
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


def evaluated(candidate: onnx.ModelProto, reference: onnx.ModelProto, bench: Workbench) -> dict[str, Any] | None:
    """The whole evaluation on held-back rows, as JSON."""
    return None
