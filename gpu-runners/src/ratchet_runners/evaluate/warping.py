"""Dynamic time warping: how far two courses are apart when one may run a little ahead of the other."""

from __future__ import annotations

import numpy as np

from ratchet_runners.data.rows import Floats


def warped_distance(one: Floats, two: Floats, band: int) -> float:
    """Distance per step of the best path between two courses of shape (steps, …), Euclidean between steps.

    Sakoe & Chiba 1978, "Dynamic programming algorithm optimization for spoken word recognition": symmetric form (a
    diagonal step counts twice), normalised by the sum of both lengths, within a band of that many steps around the
    diagonal (at least the difference of the lengths). Takes O(steps × band) time and O(steps) memory.
    @throws ValueError for a course without steps, or steps of different widths
    """
    left, right = one.reshape(len(one), -1).astype(np.float64), two.reshape(len(two), -1).astype(np.float64)
    if not len(left) or not len(right) or left.shape[1] != right.shape[1]:
        raise ValueError("Two courses need steps of the same width")
    reach = max(band, abs(len(left) - len(right)))
    before = np.full(len(right) + 1, np.inf)
    before[0] = 0.0
    for step, value in enumerate(left):
        first, last = max(0, step - reach), min(len(right), step + reach + 1)
        costs = np.sqrt(((right[first:last] - value) ** 2).sum(axis=1))
        now = np.full(len(right) + 1, np.inf)
        for place, cost in enumerate(costs.tolist(), start=first):
            now[place + 1] = min(before[place] + 2 * cost, before[place + 1] + cost, now[place] + cost)
        before = now
    return float(before[-1]) / (len(left) + len(right))
