"""Which candidate wins: the objectives are conditions; among those left, what is favoured decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ratchet_runners.documents.job import Objectives

#: Where nobody says how slow a candidate may be and latency is favoured, slower than the original has no point. The
#: slack is what ratios of interleaved timings move by under load.
SLOWER_THAN_THE_ORIGINAL = 1.05

LEAST_SIZE_GAIN = 0.01


@dataclass(frozen=True)
class Measured:
    """One candidate on the rows that choose."""

    #: Points of the task's metric that are lost against the reference; of agreement where labels are too few.
    loss: float
    #: Upper end of the loss's one-sided confidence interval.
    loss_bound: float
    basis: Literal["labels", "agreement"]
    #: Rows that the loss rests on.
    rows: int
    agreement: float | None
    #: p50 of the candidate / of the champion and of the reference; None where latency was not measured.
    latency_ratio: float | None
    reference_latency_ratio: float | None
    size_ratio: float
    size_bytes: int

    def figures(self) -> dict[str, float | None]:
        return {
            "loss": round(self.loss, 6),
            "lossBound": round(self.loss_bound, 6),
            "lossFromLabels": float(self.basis == "labels"),
            "rows": float(self.rows),
            "agreement": self.agreement,
            "latencyRatio": self.latency_ratio,
            "referenceLatencyRatio": self.reference_latency_ratio,
            "sizeRatio": round(self.size_ratio, 6),
            "sizeBytes": float(self.size_bytes),
        }


def measured_of(figures: Mapping[str, Any]) -> Measured:
    """What `figures` told."""
    return Measured(
        loss=figures["loss"],
        loss_bound=figures["lossBound"],
        basis="labels" if figures["lossFromLabels"] else "agreement",
        rows=int(figures["rows"]),
        agreement=figures["agreement"],
        latency_ratio=figures["latencyRatio"],
        reference_latency_ratio=figures["referenceLatencyRatio"],
        size_ratio=figures["sizeRatio"],
        size_bytes=int(figures["sizeBytes"]),
    )


def objections(measured: Measured, objectives: Objectives) -> tuple[str, ...]:
    """Every objective that a candidate does not keep to, with the figures; none where it may be one."""
    found: list[str] = []
    if not measured.loss_bound <= objectives.maximum_loss:
        what = "accuracy" if measured.basis == "labels" else "agreement"
        found.append(
            f"it may lose {measured.loss_bound:.4f} of {what} ({measured.loss:.4f} seen on {measured.rows} rows), "
            f"{objectives.maximum_loss:g} is allowed"
        )
    if objectives.minimum_agreement is not None and not (measured.agreement or 0.0) >= objectives.minimum_agreement:
        found.append(f"it agrees on {measured.agreement or 0.0:.4f}, {objectives.minimum_agreement:g} is asked for")
    if objectives.maximum_size_ratio is not None and not measured.size_ratio <= objectives.maximum_size_ratio:
        found.append(f"its size is {measured.size_ratio:.3f} of it, {objectives.maximum_size_ratio:g} is allowed")
    return (*found, *_latency_objections(measured, objectives))


def _latency_objections(measured: Measured, objectives: Objectives) -> list[str]:
    found: list[str] = []
    limit, ratio = objectives.maximum_latency_ratio, measured.latency_ratio
    if limit is not None and ratio is None:
        found.append("its latency could not be measured, and a limit is set")
    elif limit is not None and not (ratio or 0.0) <= limit:
        found.append(f"its latency is {ratio:.2f} of the champion's, {limit:g} is allowed")
    original = measured.reference_latency_ratio
    pointless = original is not None and not original <= SLOWER_THAN_THE_ORIGINAL
    if limit is None and objectives.favour == "latency" and pointless:
        found.append(f"it is slower than the original ({original:.2f} of its latency), and latency is favoured")
    return found


def best_of(candidates: Sequence[Measured], objectives: Objectives, least_gain: float) -> int | None:
    """Position of the best of those that keep to the objectives: by what is favoured, then by the next criterion, at
    last by the order. Latencies that differ by less than `least_gain`, sizes by less than a hundredth and losses by
    less than a row count as equal. None where none may. Only where latency is favoured does a timing have a say, so
    that otherwise equal inputs give the same candidate on any day.
    """
    able = [position for position, each in enumerate(candidates) if not objections(each, objectives)]
    orders = {
        "latency": (_latency, _size, _loss),
        "size": (_size, _loss),
        "quality": (_loss, _size),
    }
    for criterion in orders[objectives.favour]:
        if len(able) > 1:
            least = min(criterion(candidates[position]) for position in able)
            slack = _slack(criterion, candidates[able[0]], least, least_gain)
            able = [position for position in able if criterion(candidates[position]) <= least + slack]
    return able[0] if able else None


def on_front(candidates: Sequence[Measured], least_gain: float) -> list[bool]:
    """For each, whether no other is as good in loss, latency and size and clearly better in one (Pareto)."""

    def dominates(one: Measured, other: Measured) -> bool:
        pairs = [
            (_loss(one), _loss(other), 1.0 / other.rows),
            (_latency(one), _latency(other), least_gain * _latency(other)),
            (_size(one), _size(other), LEAST_SIZE_GAIN * _size(other)),
        ]
        pairs = [pair for pair in pairs if math.isfinite(pair[0]) or math.isfinite(pair[1])]
        return all(a <= b + slack for a, b, slack in pairs) and any(a < b - slack for a, b, slack in pairs)

    return [not any(dominates(other, each) for other in candidates) for each in candidates]


def _slack(criterion: Callable[[Measured], float], measured: Measured, least: float, least_gain: float) -> float:
    if criterion is _loss:
        return 1.0 / max(1, measured.rows)
    return least * (least_gain if criterion is _latency else LEAST_SIZE_GAIN) if math.isfinite(least) else 0.0


def _latency(measured: Measured) -> float:
    return math.inf if measured.latency_ratio is None else measured.latency_ratio


def _size(measured: Measured) -> float:
    return float(measured.size_bytes)


def _loss(measured: Measured) -> float:
    return max(0.0, measured.loss)
