"""Answers on disturbed rows: right answers that a little noise turns were luck."""

from __future__ import annotations

import numpy as np

from ratchet_runners.data.rows import Floats


def spreads(rows: Floats) -> Floats:
    """Standard deviation of each feature over the rows, shape `(1, …)`; a feature that hardly varies gets a tenth of
    the mean spread, so that the edge pixels of images are disturbed too."""
    found = rows.std(axis=0, keepdims=True, dtype=np.float64)
    return np.maximum(found, 0.1 * float(found.mean())).astype(np.float32)


def noisy(rows: Floats, sigma: float, seed: int) -> Floats:
    """The rows with Gaussian noise of `sigma` spreads on every feature."""
    noise = np.random.default_rng(seed).standard_normal(rows.shape, dtype=np.float32)
    return rows + noise * (np.float32(sigma) * spreads(rows))
