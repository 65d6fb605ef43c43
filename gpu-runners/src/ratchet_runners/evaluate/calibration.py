"""Whether a model is as sure as it is right: quantization may keep the answers and spoil the confidence."""

from __future__ import annotations

import numpy as np

from ratchet_runners.data.rows import Doubles
from ratchet_runners.evaluate.document import CalibrationFigures


def calibration_of(probabilities: Doubles, labels: Doubles, bins: int) -> CalibrationFigures:
    """`probabilities` has shape (rows, classes); `labels` are classes, all known."""
    return CalibrationFigures(
        error=calibration_error(probabilities, labels, bins), brier=brier_score(probabilities, labels)
    )


def calibration_error(probabilities: Doubles, labels: Doubles, bins: int) -> float:
    """Mean over bins of |accuracy − confidence| of the top class, bins of equal mass.

    Naeini, Cooper & Hauskrecht 2015 with the adaptive bins of Nguyen & O'Connor 2015: bins of equal width are nearly
    all empty for the confident models that are compressed here.
    """
    if not len(labels):
        return 0.0
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    order = np.argsort(confidence, kind="stable")
    error = 0.0
    for part in np.array_split(order, min(bins, len(order))):
        error += len(part) * abs(float(right[part].mean()) - float(confidence[part].mean()))
    return error / len(order)


def brier_score(probabilities: Doubles, labels: Doubles) -> float:
    """Mean squared distance between probabilities and the truth over all classes (Brier 1950); 0 is best, 2 worst."""
    if not len(labels):
        return 0.0
    truth = np.zeros_like(probabilities)
    truth[np.arange(len(labels)), labels.astype(np.intp)] = 1.0
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())
