"""How an activation's channels should be scaled so that a product loses least by eight bits.

After Xiao, Lin, Seznec, Wu, Demouth, Han, "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large
Language Models" (2022): s = max|X| ** alpha / max|W| ** (1 - alpha) for each channel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ratchet_runners.model.graph import Array

Doubles = npt.NDArray[np.float64]

GRID = tuple(step / 20 for step in range(4, 20))


@dataclass
class Seen:
    """What was seen of an activation: extremes of each channel over all rows, and some rows as they are."""

    low: Doubles
    high: Doubles
    rows: list[Array]

    @property
    def largest(self) -> Doubles:
        return np.maximum(np.abs(self.low), np.abs(self.high))


def factors(largest: Doubles, weights: list[Doubles], alpha: float) -> Doubles:
    """Divisors (in,) of the channels; 1 where a channel or all its weights are zero. Weights are (in, out)."""
    met = np.max([np.abs(weight).max(axis=1) for weight in weights], axis=0)
    alive = (largest > 1e-12) & (met > 1e-12)
    found = np.ones_like(largest)
    found[alive] = largest[alive] ** alpha / met[alive] ** (1 - alpha)
    # Only ratios matter to the error: around one, constants that take the factors stay as large as they were.
    found[alive] /= np.exp(np.log(found[alive]).mean()) if alive.any() else 1.0
    return np.clip(found, 1e-4, 1e4).astype(np.float32).astype(np.float64)


def quantization_error(seen: Seen, weights: list[Doubles], divisors: Doubles, bits: int, per_channel: bool) -> float:
    """Squared error of the products when input and weights are rounded as a static quantization would."""
    rows = np.concatenate(seen.rows).astype(np.float64)
    low = min(float((seen.low / divisors).min()), 0.0)
    high = max(float((seen.high / divisors).max()), 0.0)
    step = max((high - low) / 255, 1e-30)
    zero = np.rint(-low / step)
    rounded = (np.clip(np.rint(rows / divisors / step) + zero, 0, 255) - zero) * step
    total = 0.0
    for weight in weights:
        scaled = weight * divisors[:, None]
        top = np.abs(scaled).max(axis=0 if per_channel else None)
        unit = np.maximum(top / (2 ** (bits - 1) - 1), 1e-30)
        total += float(np.square(rows @ weight - rounded @ (np.rint(scaled / unit) * unit)).sum())
    return total


def best_factors(
    seen: Seen, weights: list[Doubles], bits: int, per_channel: bool, least_gain: float
) -> tuple[Doubles | None, float | None]:
    """The divisors whose error is least, and their alpha; None where smoothing gains too little."""
    nothing = np.ones_like(seen.low)
    plain = quantization_error(seen, weights, nothing, bits, per_channel)
    best: tuple[float, Doubles, float] | None = None
    for alpha in GRID:
        divisors = factors(seen.largest, weights, alpha)
        error = quantization_error(seen, weights, divisors, bits, per_channel)
        if best is None or error < best[0]:
            best = (error, divisors, alpha)
    if best is None or not best[0] < (1 - least_gain) * plain:
        return None, None
    return best[1], best[2]
