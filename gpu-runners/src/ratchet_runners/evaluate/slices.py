"""Parts of the rows, because a mean hides whom a compressed model fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from ratchet_runners.data.rows import Doubles, Mask, Rows
from ratchet_runners.documents.job import Classification, ModelContract
from ratchet_runners.evaluate.document import Compared, Estimate, SliceFigures
from ratchet_runners.evaluate.intervals import bootstrap, compare_shares
from ratchet_runners.evaluate.options import EvaluationOptions

By = Literal["slice", "stratum", "class"]


def slices_of(
    candidate: Doubles, reference: Doubles, rows: Rows, contract: ModelContract, options: EvaluationOptions, seed: int
) -> tuple[tuple[SliceFigures, ...], tuple[str, ...]]:
    """The task's metric (regression: mean absolute error) for every large enough slice, and the names of the others.

    With k slices each interval has the level 1 − α/k (Bonferroni), so that all hold together.
    """
    parts = list(_parts(rows, contract))
    judged = [part for part in parts if part[2].sum() >= options.slice_rows]
    small = tuple(f"{by} {name}" for by, name, where in parts if where.sum() < options.slice_rows)
    confidence = 1 - (1 - options.confidence) / max(1, len(judged))
    found: list[SliceFigures] = []
    for by, name, where in judged:
        compared = _compared(candidate[where], reference[where], rows.label[where], contract, options, confidence, seed)
        found.append(SliceFigures(by=by, name=name, **dict(compared)))
    return tuple(found), small


def _parts(rows: Rows, contract: ModelContract) -> Iterator[tuple[By, str, Mask]]:
    if rows.slice:
        names = np.array(rows.slice)
        for name in sorted(set(rows.slice) - {""}):
            yield "slice", name, names == name
    if rows.replay.any() and not rows.replay.all():
        yield "stratum", "fresh", ~rows.replay
        yield "stratum", "replay", rows.replay
    if isinstance(contract.task, Classification):
        for label in np.unique(rows.label):
            yield "class", str(int(label)), rows.label == label


def _compared(
    candidate: Doubles,
    reference: Doubles,
    labels: Doubles,
    contract: ModelContract,
    options: EvaluationOptions,
    confidence: float,
    seed: int,
) -> Compared:
    if isinstance(contract.task, Classification):
        return compare_shares(candidate, reference, labels, confidence)

    def mean(errors: Doubles) -> Estimate:
        return bootstrap(lambda drawn: float(errors[drawn].mean()), len(errors), options.rounds, confidence, seed)

    one, two = np.abs(candidate - labels), np.abs(reference - labels)
    return Compared(candidate=mean(one), reference=mean(two), difference=mean(one - two))
