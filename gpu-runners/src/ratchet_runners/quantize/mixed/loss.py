"""How far answers have moved, without labels."""

from __future__ import annotations

import numpy as np

from ratchet_runners.data.rows import Doubles, Floats
from ratchet_runners.documents.job import Classification, ModelContract


def divergence(exact: Floats, other: Floats, contract: ModelContract) -> float:
    """Mean over rows: of the Kullback-Leibler divergence between class probabilities in nats; for a regression of the
    squared error as a share of the exact answers' power. Answers that are not finite diverge infinitely."""
    if not np.isfinite(other).all():
        return float("inf")
    if isinstance(contract.task, Classification):
        p, q = (_logarithms(answers.reshape(len(answers), -1)) for answers in (exact, other))
        return max(0.0, float((np.exp(p) * (p - q)).sum(axis=1).mean()))
    return relative_error(exact, other)


def relative_error(exact: Floats, other: Floats) -> float:
    """Mean squared difference as a share of the exact answers' mean square."""
    power = float(np.mean(exact.astype(np.float64) ** 2)) + 1e-12
    return float(np.mean((other.astype(np.float64) - exact) ** 2)) / power


def _logarithms(answers: Floats) -> Doubles:
    """Logarithms of class probabilities, from logits or from probabilities."""
    values = answers.astype(np.float64)
    if values.min(initial=0.0) >= 0 and np.allclose(values.sum(axis=1), 1, atol=1e-3):
        return np.log(np.maximum(values, 1e-12))
    shifted = values - values.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
