"""The hard post-condition of every step that only rewrites: the answers stay what they were."""

from __future__ import annotations

import numpy as np
import onnx

from ratchet_runners.data.rows import Inputs
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.scoring import score
from ratchet_runners.workbench import Workbench

#: Largest difference relative to the largest answer: rounding of float32 through a deep network stays well below.
TOLERANCE = 1e-4


def require_equivalent(
    before: onnx.ModelProto, after: onnx.ModelProto, rows: Inputs, bench: Workbench, step: str
) -> float:
    """The relative difference of the answers to real rows. @throws ModelUnusable above the tolerance"""
    exact = score(before, rows, bench.contract, bench.threads)
    made = score(after, rows, bench.contract, bench.threads)
    scale = float(np.abs(exact).max(initial=0.0)) + 1e-6
    off = float(np.abs(exact - made).max(initial=0.0)) / scale
    if not off <= TOLERANCE:
        raise ModelUnusable(f"The step {step} changes the model's answers (relative difference {off:.1e})")
    return off


def output_error(model: onnx.ModelProto, exact: Inputs, rows: Inputs, bench: Workbench) -> float:
    """Mean squared difference of the answers to `exact`, relative to its power."""
    made = score(model, rows, bench.contract, bench.threads).astype(np.float64)
    power = float(np.mean(exact.astype(np.float64) ** 2)) + 1e-12
    return float(np.mean((made - exact) ** 2)) / power
