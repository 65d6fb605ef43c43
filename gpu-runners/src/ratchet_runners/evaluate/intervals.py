"""Intervals and tests. Everything is seeded; nothing needs more than numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from ratchet_runners.data.rows import Doubles, Indices, Mask
from ratchet_runners.evaluate.document import Compared, Estimate

#: With fewer rows a bootstrap says nothing.
FEWEST = 5


def normal_quantile(confidence: float) -> float:
    """Two-sided quantile of the normal distribution, e.g. 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: int, rows: int, confidence: float) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927, "Probable inference, the law of succession, and statistical
    inference"). It keeps its level for shares near 0 and 1, where most accuracies are; (0, 1) without rows."""
    if not rows:
        return 0.0, 1.0
    z = normal_quantile(confidence)
    share, spread = successes / rows, z * z / rows
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / rows + spread / (4 * rows))
    # At 0 and 1 the bound is exact, and must not be missed by a rounding error.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    return low, 1.0 if successes == rows else min(1.0, centre + half)


def share_of(right: Mask, confidence: float) -> Estimate:
    """A share with its Wilson interval."""
    successes, rows = int(right.sum()), len(right)
    low, high = wilson(successes, rows, confidence)
    return Estimate(value=successes / rows if rows else 0.0, low=low, high=high, rows=rows)


def paired_difference(candidate: Mask, reference: Mask, confidence: float) -> Estimate:
    """Difference of two shares on the same rows.

    Newcombe 1998, "Improved confidence intervals for the difference between binomial proportions based on paired
    data", method 10: Wilson intervals squared and added, with the correlation of both answers.
    """
    rows = len(candidate)
    both = int((candidate & reference).sum())
    only, other = int((candidate & ~reference).sum()), int((~candidate & reference).sum())
    none = rows - both - only - other
    if not rows:
        return Estimate(value=0.0, low=-1.0, high=1.0, rows=0)
    one, two = (both + only) / rows, (both + other) / rows
    low1, high1 = wilson(both + only, rows, confidence)
    low2, high2 = wilson(both + other, rows, confidence)
    product = both * none - only * other
    corrected = max(product - rows / 2, 0.0) if product > 0 else float(product)
    margins = math.sqrt(float(both + only) * (other + none) * (both + other) * (only + none))
    phi = corrected / margins if margins else 0.0
    down = math.sqrt(max(0.0, (one - low1) ** 2 - 2 * phi * (one - low1) * (high2 - two) + (high2 - two) ** 2))
    up = math.sqrt(max(0.0, (high1 - one) ** 2 - 2 * phi * (high1 - one) * (two - low2) + (two - low2) ** 2))
    value = one - two
    return Estimate(value=value, low=max(-1.0, value - down), high=min(1.0, value + up), rows=rows)


def compare_shares(candidate: Doubles, reference: Doubles, labels: Doubles, confidence: float) -> Compared:
    """Shares of right answers of both models on the same rows."""
    one, two = candidate == labels, reference == labels
    return Compared(
        candidate=share_of(one, confidence),
        reference=share_of(two, confidence),
        difference=paired_difference(one, two, confidence),
    )


def mcnemar(candidate: Mask, reference: Mask) -> float:
    """Two-sided exact p-value that both are right equally often (McNemar 1947; binomial on the rows that differ)."""
    only, other = int((candidate & ~reference).sum()), int((~candidate & reference).sum())
    differ = only + other
    if not differ:
        return 1.0
    tail = sum(math.exp(_log_binomial(differ, k)) for k in range(min(only, other) + 1))
    return min(1.0, 2 * tail)


def _log_binomial(rows: int, successes: int) -> float:
    """Logarithm of the chance of that many heads."""
    ways = math.lgamma(rows + 1) - math.lgamma(successes + 1) - math.lgamma(rows - successes + 1)
    return ways - rows * math.log(2)


def bootstrap(statistic: Callable[[Indices], float], rows: int, rounds: int, confidence: float, seed: int) -> Estimate:
    """A statistic of rows with its percentile interval (Efron 1979; rows are drawn with replacement).

    `statistic` takes positions of rows. Rounds in which it is not finite (a class that was not drawn) are left out.
    """
    value = statistic(np.arange(rows, dtype=np.intp))
    if rows < FEWEST:
        return Estimate(value=value, low=None, high=None, rows=rows)
    random = np.random.default_rng(seed)
    drawn = np.array([statistic(random.integers(0, rows, rows)) for _ in range(rounds)])
    low, high = _bounds(drawn, confidence)
    return Estimate(value=value, low=low, high=high, rows=rows)


def mean_of(values: Doubles, rounds: int, confidence: float, seed: int) -> Estimate:
    """A mean with its bootstrapped interval."""
    if not len(values):
        return Estimate(value=0.0, low=None, high=None, rows=0)
    return bootstrap(lambda drawn: float(values[drawn].mean()), len(values), rounds, confidence, seed)


def _bounds(drawn: Doubles, confidence: float) -> tuple[float | None, float | None]:
    finite = drawn[np.isfinite(drawn)]
    if len(finite) < len(drawn) / 2:
        return None, None
    low, high = np.quantile(finite, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
