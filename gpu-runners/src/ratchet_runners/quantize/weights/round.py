"""One matrix in fewer bits: by nearest level or GPTQ, each output channel by what answers better."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from ratchet_runners.quantize.weights.codebook import find_books
from ratchet_runners.quantize.weights.config import QuantizeWeights
from ratchet_runners.quantize.weights.gptq import gptq
from ratchet_runners.quantize.weights.levels import Blocks, Books, Codes, Doubles, Levels, loss, rounded


@dataclass(frozen=True)
class Encoded:
    """Codes (out, in), the levels that give them meaning, and the mean squared output error that they make."""

    codes: Codes
    values: Doubles
    levels: Blocks | Books
    loss: float
    nearest_loss: float


def encode(weight: Doubles, moment: Doubles, config: QuantizeWeights) -> Encoded:
    """Rounds a matrix (out, in) whose input has this second moment (in, in).

    Outputs do not depend on each other, so each keeps GPTQ's codes only where its error is below nearest rounding's.
    """
    levels: Blocks | Books
    if config.levels == "codebook":
        levels = find_books(weight, np.diag(moment), config.books, 2**config.bits)
    else:
        levels = Blocks.of(weight, config.bits, config.block, config.symmetric, config.shrink)
    codes, values = rounded(weight, levels)
    nearest = loss(weight - values, moment)
    kept = nearest
    if config.algorithm == "gptq":
        corrected: Levels = copy.deepcopy(levels)
        other_codes, other_values = gptq(weight, moment, corrected, config.damping, config.act_order)
        other = loss(weight - other_values, moment)
        better = other < nearest
        codes[better], values[better] = other_codes[better], other_values[better]
        kept = np.where(better, other, nearest)
        if isinstance(levels, Blocks) and isinstance(corrected, Blocks):
            levels.scale[better], levels.zero[better] = corrected.scale[better], corrected.zero[better]
    return Encoded(codes, values, levels, float(kept.sum()), float(nearest.sum()))
