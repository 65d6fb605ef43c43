"""How often a tensor took which values, in bounded memory and without knowing its range beforehand."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Values = npt.NDArray[np.float32]

#: Most bins that a histogram has; it uses more than half of them once it has seen two different values.
BINS = 4096
#: Bins are never finer than this many binary digits of the largest magnitude (a float32 has 24).
DIGITS = 23
#: Below the exponent of any float32 and its digits: where nothing but zero was seen.
FINEST = -200


class Histogram:
    """Bins whose width is a power of two and whose edges are multiples of it, so that widening merges whole bins.

    Counts depend on the values alone, not on how they were cut into batches or in which order these came: the width is
    always the smallest that holds all values so far in `BINS` bins.
    """

    def __init__(self) -> None:
        self.low, self.high = math.inf, -math.inf
        #: The width of a bin is 2 ** exponent.
        self.exponent = 0
        #: Lower edge of the first bin in widths.
        self.first = 0
        self.counts: Counts = np.zeros(0, dtype=np.int64)

    def __len__(self) -> int:
        return int(self.counts.sum())

    def add(self, values: Values) -> None:
        """Counts finite values, in any shape."""
        if not values.size:
            return
        self._reach(float(values.min()), float(values.max()))
        self._count(self._positions(values.reshape(-1)), np.ones(1, dtype=np.int64))

    def merge(self, other: Histogram) -> None:
        """Counts all that another histogram has seen, as if it had been added here."""
        if not other.counts.size:
            return
        self._reach(other.low, other.high)
        shift = self.exponent - other.exponent
        indices = (np.arange(len(other.counts), dtype=np.int64) + other.first) >> shift
        self._count(indices, other.counts)

    def centres(self) -> npt.NDArray[np.float64]:
        """The middle of every bin."""
        width = math.ldexp(1.0, self.exponent)
        return (np.arange(len(self.counts), dtype=np.float64) + self.first + 0.5) * width

    def edges(self) -> npt.NDArray[np.float64]:
        """Lower edges of all bins and the upper edge of the last, held within what was seen."""
        width = math.ldexp(1.0, self.exponent)
        edges = (np.arange(len(self.counts) + 1, dtype=np.float64) + self.first) * width
        return np.clip(edges, self.low, self.high)

    def _reach(self, low: float, high: float) -> None:
        """Widens the bins until `low` and `high` are among them."""
        empty = not self.counts.size
        self.low, self.high = min(self.low, low), max(self.high, high)
        exponent = _exponent(self.low, self.high)
        first, last = (math.floor(math.ldexp(value, -exponent)) for value in (self.low, self.high))
        old, old_first, shift = self.counts, self.first, exponent - self.exponent
        self.exponent, self.first = exponent, first
        self.counts = np.zeros(last - first + 1, dtype=np.int64)
        if not empty:
            self._count((np.arange(len(old), dtype=np.int64) + old_first) >> shift, old)

    def _positions(self, values: Values) -> Counts:
        if self.exponent < -100:  # the factor would leave float32
            return np.floor(np.ldexp(values.astype(np.float64), -self.exponent)).astype(np.int64)
        scaled = values * np.float32(math.ldexp(1.0, -self.exponent))
        return np.floor(scaled, out=scaled).astype(np.int64)

    def _count(self, positions: Counts, weights: Counts) -> None:
        if len(weights) == len(positions) > 1:
            np.add.at(self.counts, positions - self.first, weights)
        else:
            found = np.bincount(positions - self.first, minlength=len(self.counts))
            self.counts += int(weights[0]) * found


def _exponent(low: float, high: float) -> int:
    """The smallest exponent of a width that holds `low` to `high` in `BINS` bins; it never falls as a range grows."""
    largest = max(abs(low), abs(high))
    if largest == 0:
        return FINEST
    exponent = math.frexp(largest)[1] - DIGITS
    if high > low:
        exponent = max(exponent, math.frexp((high - low) / BINS)[1] - 1)
    while math.floor(math.ldexp(high, -exponent)) - math.floor(math.ldexp(low, -exponent)) >= BINS:
        exponent += 1
    return exponent
