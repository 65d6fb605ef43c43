"""How like the reference a candidate answers. Needs no labels."""

from __future__ import annotations

import numpy as np

from ratchet_runners.data.rows import Doubles, Floats
from ratchet_runners.documents.job import ModelContract, Regression
from ratchet_runners.evaluate.document import Estimate
from ratchet_runners.evaluate.intervals import mean_of, share_of
from ratchet_runners.evaluate.options import EvaluationOptions
from ratchet_runners.evaluate.warping import warped_distance

#: Two regressions agree when they are this share of the reference's spread apart, or less.
TOLERANCE = 0.1


def agreement_of(candidate: Doubles, reference: Doubles, contract: ModelContract, confidence: float) -> Estimate:
    """Share of rows with the same class, or with numbers within the tolerance."""
    if isinstance(contract.task, Regression):
        return share_of(np.abs(candidate - reference) <= TOLERANCE * float(np.std(reference)) + 1e-9, confidence)
    return share_of(candidate == reference, confidence)


def probabilities(outputs: Floats) -> Doubles:
    """Outputs of shape (rows, classes) as probabilities: as they are where they are some already, else by softmax."""
    values = outputs.reshape(len(outputs), -1).astype(np.float64)
    if len(values) and (values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=1e-3):
        return values / values.sum(axis=1, keepdims=True)
    values = np.exp(values - values.max(axis=1, keepdims=True))
    return values / values.sum(axis=1, keepdims=True)


def divergence_of(candidate: Floats, reference: Floats, options: EvaluationOptions, seed: int) -> Estimate:
    """Mean over rows of KL(reference ‖ candidate) in nats (Kullback & Leibler 1951)."""
    one, two = probabilities(candidate), probabilities(reference)
    ratios = np.log(np.maximum(two, 1e-12)) - np.log(np.maximum(one, 1e-12))
    return mean_of((two * ratios).sum(axis=1), options.rounds, options.confidence, seed)


def is_sequence(contract: ModelContract) -> bool:
    """Whether an output is a course over time: (rows, steps, …), or a regression of several numbers."""
    shape = contract.output.shape
    several = len(shape) == 2 and shape[1] > 1 and isinstance(contract.task, Regression)
    return several or (len(shape) > 2 and shape[1] > 1)


def warping_of(candidate: Floats, reference: Floats, options: EvaluationOptions, seed: int) -> Estimate:
    """Mean distance between both models' outputs after the best alignment in time."""
    band = max(1, round(options.band * candidate.shape[1]))
    distances = np.array(
        [warped_distance(one, two, band) for one, two in zip(candidate, reference, strict=True)], dtype=np.float64
    )
    return mean_of(distances, options.rounds, options.confidence, seed)
