"""The task's metric against labels: both models, and their difference on the same rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ratchet_runners.data.rows import Doubles, Indices, Rows
from ratchet_runners.documents.job import ModelContract, Regression
from ratchet_runners.evaluate.document import Compared, Estimate, Metric, MetricFigures, Quality
from ratchet_runners.evaluate.intervals import bootstrap, compare_shares, mcnemar
from ratchet_runners.evaluate.options import EvaluationOptions
from ratchet_runners.evaluate.slices import slices_of

Score = Callable[[Doubles, Doubles], float]


def quality_of(
    candidate: Doubles, reference: Doubles, rows: Rows, contract: ModelContract, options: EvaluationOptions, seed: int
) -> Quality | None:
    """Metrics over labelled rows, and the slice that loses most. None without labels.

    `candidate` and `reference` are answers (`scoring.predictions`), one a row.
    """
    known = np.flatnonzero(rows.labelled)
    if not len(known):
        return None
    labelled = rows.take(known)
    one, two, labels = candidate[known], reference[known], labelled.label
    regression = isinstance(contract.task, Regression)
    names: tuple[Metric, ...] = ("r2", "mae") if regression else ("accuracy", "macroF1")
    metrics = tuple(_figures(name, one, two, labels, options, seed) for name in names)
    slices, small = slices_of(one, two, labelled, contract, options, seed)
    worst = min(slices, key=lambda slice_: slice_.difference.value * (-1 if regression else 1), default=None)
    return Quality(metrics=metrics, worst_slice=worst, slices=slices, small_slices=small)


def _figures(
    metric: Metric, candidate: Doubles, reference: Doubles, labels: Doubles, options: EvaluationOptions, seed: int
) -> MetricFigures:
    if metric == "accuracy":
        compared = compare_shares(candidate, reference, labels, options.confidence)
        p_value = mcnemar(candidate == labels, reference == labels)
    else:
        compared = compare_scores(SCORES[metric], candidate, reference, labels, options, options.confidence, seed)
        p_value = None
    return MetricFigures(
        metric=metric,
        p_value=p_value,
        candidate=compared.candidate,
        reference=compared.reference,
        difference=compared.difference,
    )


def compare_scores(
    score: Score,
    candidate: Doubles,
    reference: Doubles,
    labels: Doubles,
    options: EvaluationOptions,
    confidence: float,
    seed: int,
) -> Compared:
    """Any score of answers and labels; bootstrapped with the same draws for both models, so that it is paired."""

    def estimate(of: Callable[[Indices], float]) -> Estimate:
        return bootstrap(of, len(labels), options.rounds, confidence, seed)

    return Compared(
        candidate=estimate(lambda drawn: score(candidate[drawn], labels[drawn])),
        reference=estimate(lambda drawn: score(reference[drawn], labels[drawn])),
        difference=estimate(
            lambda drawn: score(candidate[drawn], labels[drawn]) - score(reference[drawn], labels[drawn])
        ),
    )


def macro_f1(answers: Doubles, labels: Doubles) -> float:
    """Mean over the classes among labels of the harmonic mean of precision and recall (van Rijsbergen 1979)."""
    classes = int(max(answers.max(initial=0), labels.max(initial=0))) + 1
    table = np.bincount((labels * classes + answers).astype(np.intp), minlength=classes * classes)
    table = table.reshape(classes, classes)
    hits, told, true = np.diag(table), table.sum(axis=0), table.sum(axis=1)
    present = true > 0
    return float((2 * hits[present] / (told + true)[present]).mean())


def explained_variance(answers: Doubles, labels: Doubles) -> float:
    """R², the share of the labels' variance that answers explain; not a number where labels do not vary."""
    spread = float(np.var(labels))
    return 1 - float(np.mean((answers - labels) ** 2)) / spread if spread > 0 else float("nan")


def mean_absolute_error(answers: Doubles, labels: Doubles) -> float:
    return float(np.abs(answers - labels).mean())


SCORES: dict[Metric, Score] = {"macroF1": macro_f1, "r2": explained_variance, "mae": mean_absolute_error}
