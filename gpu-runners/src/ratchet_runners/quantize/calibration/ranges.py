"""From what was seen of a tensor to the range that its levels are spread over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ratchet_runners.quantize.calibration.config import Calibrating, MethodName
from ratchet_runners.quantize.calibration.histogram import Histogram
from ratchet_runners.quantize.calibration.observing import Observation
from ratchet_runners.quantize.calibration.searched import Range, closest, least_divergent

#: Lowest and highest value by tensor.
Ranges = dict[str, Range]

#: Methods that need to know how often a value was taken.
COUNTING = frozenset({"percentile", "entropy", "mean-squared-error"})


@dataclass(frozen=True)
class Method:
    """How ranges follow from observations."""

    name: MethodName = "min-max"
    percentile: float = 99.99
    averaging: float = 0.9
    #: Levels of the integers that the range is spread over.
    levels: int = 256
    #: Whether the range has to lie evenly around zero.
    symmetric: bool = False

    @property
    def counts(self) -> bool:
        return self.name in COUNTING

    @classmethod
    def of(cls, config: Calibrating, symmetric: bool = False) -> Method:
        return cls(config.method, config.percentile, config.averaging, symmetric=symmetric)

    def range_of(self, seen: Observation) -> Range:
        """The tensor's range; counting methods need its histogram."""
        if self.name == "ema":
            return _averaged(seen, self.averaging)
        if not self.counts or seen.low == seen.high:
            return seen.low, seen.high
        if self.name == "percentile":
            return within(seen.histogram, self.percentile)
        search = least_divergent if self.name == "entropy" else closest
        return search(seen.histogram, self.levels, self.symmetric)


def within(histogram: Histogram, percentile: float) -> Range:
    """The range that leaves out half of (100 - percentile) % of the values at either end, in whole bins."""
    counts, edges = histogram.counts, histogram.edges()
    tail = (100 - percentile) / 200 * counts.sum()
    first = int(np.searchsorted(np.cumsum(counts), tail, side="right"))
    last = len(counts) - 1 - int(np.searchsorted(np.cumsum(counts[::-1]), tail, side="right"))
    return float(edges[first]), float(edges[max(last, first) + 1])


def widen(fresh: Ranges, older: Ranges, factor: float) -> tuple[Ranges, int]:
    """Fresh ranges extended towards older ones to at most `factor` times their width, and how many stopped there.

    Eight bits hold 256 levels: a range that also fits data of twenty times the amplitude leaves the fresh ones a dozen.
    """
    merged: Ranges = {}
    held = 0
    for name, (low, high) in fresh.items():
        old_low, old_high = older.get(name, (low, high))
        below, above = max(0.0, low - old_low), max(0.0, old_high - high)
        allowed = (factor - 1) * (high - low)
        share = min(1.0, allowed / (below + above)) if below + above > 0 else 1.0
        held += share < 1
        merged[name] = (low - share * below, high + share * above)
    return merged, held


def _averaged(seen: Observation, averaging: float) -> Range:
    """Exponential moving average of every batch's extremes (Jacob et al., 2018, "Quantization and training")."""
    (low, high), *rest = [batch for batch in seen.batches if batch[0] <= batch[1]]
    for batch_low, batch_high in rest:
        low = averaging * low + (1 - averaging) * batch_low
        high = averaging * high + (1 - averaging) * batch_high
    return low, high
