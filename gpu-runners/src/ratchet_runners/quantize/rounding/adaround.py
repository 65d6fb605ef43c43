"""Up or down: a relaxed search by gradients, then coordinate descent over whole numbers.

After Nagel, Amjad, van Baalen, Louizos, Blankevoort, "Up or Down? Adaptive Rounding for Post-Training Quantization"
(2020): each weight is floor(w / s) + h(v) with the rectified sigmoid h, and a regulariser whose exponent falls drives h
to 0 or 1. The descent that follows is exact: the objective is quadratic, so the best integer of a column with all
others fixed is known in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ratchet_runners.quantize.rounding.config import RoundAdaptively
from ratchet_runners.quantize.rounding.objective import Objective

Doubles = npt.NDArray[np.float64]

#: Ends of the rectified sigmoid; beyond 0 and 1, so that both are reached at finite v.
STRETCH_LOW, STRETCH_HIGH = -0.1, 1.1
#: The regulariser's exponent falls between these after a share of the steps without it.
FIRST_EXPONENT, LAST_EXPONENT, WARM_UP = 20.0, 2.0, 0.2


@dataclass(frozen=True)
class Grid:
    """How integers are to be read, all (groups, out, in): weight = (integer - zero) * scale."""

    scale: Doubles
    zero: Doubles
    low: float
    high: float

    def value(self, integers: Doubles) -> Doubles:
        return (integers - self.zero) * self.scale


def round_adaptively(
    integers: Doubles, weight: Doubles, grid: Grid, objective: Objective, config: RoundAdaptively
) -> Doubles:
    """Integers (groups, out, in) whose loss is at most that of the given ones and of nearest rounding, each output."""
    best, lowest = integers, objective.loss(grid.value(integers))
    nearest = np.clip(np.rint(weight / grid.scale + grid.zero), grid.low, grid.high)
    found = [nearest, _relaxed(weight, grid, objective, config)] if config.iterations else [nearest]
    for start in found:
        polished = _polished(start, grid, objective, config.polish)
        for candidate in (start, polished):
            loss = objective.loss(grid.value(candidate))
            better = loss < lowest
            best = np.where(better[..., None], candidate, best)
            lowest = np.where(better, loss, lowest)
    return best


def _relaxed(weight: Doubles, grid: Grid, objective: Objective, config: RoundAdaptively) -> Doubles:
    ideal = weight / grid.scale + grid.zero
    floor = np.floor(ideal)
    share = np.clip((ideal - floor - STRETCH_LOW) / (STRETCH_HIGH - STRETCH_LOW), 1e-4, 1 - 1e-4)
    variable = np.log(share / (1 - share))
    # The error is counted in squared steps of a weight at mean input power: one regularisation fits every layer.
    power = np.einsum("gii->g", objective.curvature)[:, None, None] / weight.shape[2]
    unit = np.maximum(power * np.square(grid.scale), 1e-30)
    first, second = np.zeros_like(variable), np.zeros_like(variable)
    for step in range(1, config.iterations + 1):
        sigmoid = 1 / (1 + np.exp(-variable))
        stretched = sigmoid * (STRETCH_HIGH - STRETCH_LOW) + STRETCH_LOW
        up = np.clip(stretched, 0.0, 1.0)
        moved = np.clip(floor + up, grid.low, grid.high)
        free = (stretched > 0) & (stretched < 1) & (moved == floor + up)
        slope = objective.gradient(grid.value(moved)) * grid.scale / unit
        progress = step / config.iterations
        if progress > WARM_UP:
            late = (progress - WARM_UP) / (1 - WARM_UP)
            exponent = LAST_EXPONENT + (FIRST_EXPONENT - LAST_EXPONENT) * (1 + np.cos(late * np.pi)) / 2
            centred = 2 * up - 1
            slope -= config.regularisation * 2 * exponent * np.abs(centred) ** (exponent - 1) * np.sign(centred)
        slope *= free * sigmoid * (1 - sigmoid) * (STRETCH_HIGH - STRETCH_LOW)
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * np.square(slope)
        mean, spread = first / (1 - 0.9**step), second / (1 - 0.999**step)
        variable -= config.learning_rate * mean / (np.sqrt(spread) + 1e-8)
    up = 1 / (1 + np.exp(-variable)) >= 0.5
    return np.clip(floor + up, grid.low, grid.high)


def _polished(integers: Doubles, grid: Grid, objective: Objective, passes: int) -> Doubles:
    """Moves every weight to its best integer while all others stay, column after column; the loss never rises."""
    integers = integers.copy()
    slope = objective.gradient(grid.value(integers))
    bend = 2 * np.einsum("gii->gi", objective.curvature)
    for _ in range(passes):
        changed = False
        for column in range(integers.shape[2]):
            scale = grid.scale[:, :, column]
            wanted = -slope[:, :, column] / (np.maximum(bend[:, column], 1e-30)[:, None] * scale)
            old = integers[:, :, column]
            new = np.clip(np.rint(old + wanted), grid.low, grid.high)
            step = (new - old) * scale
            if step.any():
                changed = True
                integers[:, :, column] = new
                slope += 2 * step[:, :, None] * objective.curvature[:, None, column, :]
        if not changed:
            break
    return integers
