"""Ranges that are searched for: the one with the least squared error, the one whose distribution diverges least."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ratchet_runners.quantize.calibration.histogram import Histogram

Range = tuple[float, float]
_Doubles = npt.NDArray[np.float64]

#: Shares of the whole range that are tried; 1 is among them, so that no search is worse than minimum and maximum.
SHARES = np.linspace(1.0, 0.02, 99)

#: Bins to either side that a count is compared with, how often their upper quartile makes a spike, and at least what.
NEIGHBOURS, SPIKE, LEAST_SPIKE = 16, 4, 8


def closest(histogram: Histogram, levels: int, symmetric: bool) -> Range:
    """The range with the least mean squared error of values rounded to `levels` levels, by a grid over both ends.

    First a limit for magnitudes at both ends, then each end alone, twice. Never worse than minimum to maximum on
    `squared_error`.
    """
    low, high = _whole(histogram, symmetric)

    def best(lows: _Doubles, highs: _Doubles) -> Range:
        errors = [squared_error(histogram, (one, other), levels) for one, other in zip(lows, highs, strict=True)]
        chosen = int(np.argmin(errors))
        return float(lows[chosen]), float(highs[chosen])

    found = best(*_limited(low, high))
    if symmetric:
        return found
    for _ in range(2):
        found = best(_between(low, found[0]), np.full(len(SHARES) + 1, found[1]))
        found = best(np.full(len(SHARES) + 1, found[0]), _between(high, found[1]))
    return found


def _limited(low: float, high: float) -> tuple[_Doubles, _Doubles]:
    """Both ends under limits for magnitudes, the whole range first."""
    limits = max(-low, high) * SHARES
    return np.maximum(low, -limits), np.minimum(high, limits)


def _between(whole: float, present: float) -> _Doubles:
    """Candidates for one end; the present one comes first and so wins between equals."""
    return np.concatenate([[present], whole * SHARES])


def squared_error(histogram: Histogram, span: Range, levels: int) -> float:
    """Mean squared error of the bins' centres when they are rounded to `levels` levels over `span`.

    The span is extended to hold zero, and zero is one of the levels, as ONNX's linear quantization has it.
    """
    values, counts = histogram.centres(), histogram.counts
    low, high = min(0.0, span[0]), max(0.0, span[1])
    if high <= low:
        return float((counts * values**2).sum() / max(1, counts.sum()))
    scale = (high - low) / (levels - 1)
    zero = round(-low / scale)
    rounded = (np.clip(np.rint(values / scale) + zero, 0, levels - 1) - zero) * scale
    return float((counts * (values - rounded) ** 2).sum() / counts.sum())


def least_divergent(histogram: Histogram, levels: int, symmetric: bool) -> Range:
    """The range with the least Kullback-Leibler divergence between what was seen, clipped, and the same in `levels`.

    As TensorRT does it (Migacz, 2017, "8-bit inference with TensorRT"): what lies outside is counted at the ends of the
    reference distribution, but not in the quantized one, so that clipping costs. As there magnitudes get a limit;
    an end that is nearer to zero than that stays where it is. The divergence that mere chance gives to finely counted
    values is taken off (as Miller, 1955, for the entropy itself): without that a tensor of which little was seen would
    be clipped for nothing.
    """
    low, high = _whole(histogram, symmetric)
    values, counts = histogram.centres(), _without_spikes(histogram)
    best, found = np.inf, (low, high)
    for below, above in zip(*_limited(low, high), strict=True):
        span = (float(below), float(above))
        inside = (values >= span[0]) & (values <= span[1])
        if inside.sum() < levels // 2:
            break
        divergence = _divergence(values[inside], counts[inside], int(counts[values < span[0]].sum()), counts, levels)
        if divergence < best:
            best, found = divergence, span
    return found


def _without_spikes(histogram: Histogram) -> npt.NDArray[np.int64]:
    """Counts without what towers over its neighbourhood: zeros of rectifiers and padding, answers to a blank ground.

    One level holds such a value well, but evening it out over a level's bins would outweigh all the rest.
    """
    counts = histogram.counts
    if len(counts) <= NEIGHBOURS:
        return counts
    around = np.pad(counts, NEIGHBOURS, mode="reflect")
    usual = np.quantile(np.lib.stride_tricks.sliding_window_view(around, 2 * NEIGHBOURS + 1), 0.75, axis=1)
    return np.minimum(counts, np.maximum(LEAST_SPIKE, SPIKE * usual).astype(np.int64))


def _divergence(
    values: _Doubles, inside: npt.NDArray[np.int64], below: int, counts: npt.NDArray[np.int64], levels: int
) -> float:
    reference = inside.astype(np.float64)
    reference[0] += below
    reference[-1] += counts.sum() - inside.sum() - below
    width = (values[-1] - values[0]) / (levels - 1)
    level = np.rint((values - values[0]) / width).astype(np.int64) if width > 0 else np.zeros(len(values), np.int64)
    taken = (inside > 0).astype(np.float64)
    sums, bins = np.bincount(level, inside, levels), np.bincount(level, taken, levels)
    quantized = taken * (sums / np.maximum(bins, 1))[level]
    p, q = reference / reference.sum(), quantized / max(quantized.sum(), 1e-12)
    # Few values scatter from bin to bin, and levels that even this out would seem to diverge: what is expected of that.
    scatter = (taken.sum() - (bins > 0).sum()) / (2 * reference.sum())
    # What clipping moved to an end where nothing was seen would make the divergence infinite.
    return float((p * np.log(np.maximum(p, 1e-12) / np.maximum(q, 1e-12))).sum() - scatter)


def _whole(histogram: Histogram, symmetric: bool) -> Range:
    low, high = min(0.0, histogram.low), max(0.0, histogram.high)
    reach = max(-low, high)
    return (-reach, reach) if symmetric else (low, high)
