"""Rounds column after column and lets the columns that follow make up for the error.

After Frantar, Ashkboos, Hoefler, Alistarh, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
Transformers" (2022): the Cholesky factor of the inverse Hessian tells how an error spreads; updates are lazy in
blocks of columns. The Hessian of the squared output error is the second moment of the layer's input.
"""

from __future__ import annotations

import numpy as np

from ratchet_runners.quantize.weights.levels import Codes, Doubles, Levels

#: Columns that are rounded before the rest of the matrix is updated.
COLUMNS = 64
#: How often damping is multiplied by ten before a Hessian counts as hopeless.
ATTEMPTS = 8


def gptq(weight: Doubles, hessian: Doubles, levels: Levels, damping: float, act_order: bool) -> tuple[Codes, Doubles]:
    """Codes and values (out, in). Inputs that are never different from zero are rounded to the nearest level.

    `act_order` takes inputs in descending order of power; levels are then those of the weight as it came, so that
    blocks stay blocks of neighbours.
    """
    width = weight.shape[1]
    power = np.diag(hessian)
    order = np.argsort(-power, kind="stable") if act_order else np.arange(width)
    factor = _inverse_factor(hessian[np.ix_(order, order)], damping)
    left = weight[:, order].copy()
    codes = np.empty(weight.shape, np.uint8)
    values = np.empty_like(weight)
    for start in range(0, width, COLUMNS):
        stop = min(start + COLUMNS, width)
        errors = np.zeros((len(weight), stop - start))
        for position in range(start, stop):
            column = int(order[position])
            if not act_order:
                # Later columns of a block that begins here carry the errors of all before this batch of columns.
                levels.fit(left, position)
            codes[:, column], values[:, column] = levels.nearest(left[:, position], column)
            error = (left[:, position] - values[:, column]) / factor[position, position]
            left[:, position + 1 : stop] -= np.outer(error, factor[position, position + 1 : stop])
            errors[:, position - start] = error
        left[:, stop:] -= errors @ factor[start:stop, stop:]
    return codes, values


def _inverse_factor(hessian: Doubles, damping: float) -> Doubles:
    """The upper Cholesky factor of the inverse; damping grows until the Hessian is safely positive."""
    power = np.diag(hessian)
    mean = float(power.mean())
    if mean <= 0:
        return np.eye(len(hessian))
    filled = hessian + np.diag(np.where(power > 0, 0.0, mean))
    for attempt in range(ATTEMPTS):
        damped = filled + np.eye(len(hessian)) * (mean * damping * 10.0**attempt)
        try:
            factor = np.linalg.cholesky(np.linalg.inv(damped)).T
        except np.linalg.LinAlgError:
            continue
        if np.isfinite(factor).all():
            return factor
    return np.eye(len(hessian))
