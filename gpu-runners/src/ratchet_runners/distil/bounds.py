"""Exact bounds for shares: what a handful of rows can prove, and what it cannot."""

from __future__ import annotations

import math

import numpy as np

#: One-sided: a true share lies below its lower bound in at most this part of all samples.
LEVEL = 0.05


def lower_bound(hits: int, rows: int) -> float:
    """Lower end of the exact one-sided interval of a share (Clopper and Pearson 1934); 0 without rows."""
    if hits <= 0:
        return 0.0
    low, high = 0.0, hits / rows
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if chance_of_at_least(hits, rows, middle) < LEVEL else (low, middle)
    return low


def upper_bound(hits: int, rows: int) -> float:
    """Upper end of the exact one-sided interval; 1 without rows."""
    return 1.0 - lower_bound(rows - hits, rows)


def chance_of_at_least(hits: int, rows: int, share: float) -> float:
    """Chance of `hits` or more among `rows` when each is one with probability `share`."""
    if hits <= 0:
        return 1.0
    if share <= 0.0 or share >= 1.0:
        return float(share >= 1.0)
    counts = np.arange(hits, rows + 1, dtype=np.float64)
    logs = _log_factorial(rows)[hits:] + counts * math.log(share) + (rows - counts) * math.log1p(-share)
    return float(min(1.0, np.exp(logs).sum()))


def _log_factorial(rows: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Logarithms of the binomial coefficients (rows, 0) ... (rows, rows)."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, rows + 1, dtype=np.float64)))])
    return logs[-1] - logs - logs[::-1]
