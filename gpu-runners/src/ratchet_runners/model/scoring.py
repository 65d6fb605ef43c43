"""Scores rows by ONNX Runtime: the only judge of what a model answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import onnx

from ratchet_runners.data.rows import Doubles, Floats, Inputs
from ratchet_runners.documents.job import ModelContract, Regression
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.session import session_of

__all__ = ["accuracy", "agreement", "predictions", "score", "serialise", "session_of"]

BATCH = 64


def serialise(model: onnx.ModelProto) -> bytes:
    """The same model always gives the same bytes."""
    return model.SerializeToString(deterministic=True)


def score(
    model: onnx.ModelProto | bytes,
    rows: Inputs,
    contract: ModelContract,
    threads: int,
    tell: Callable[[float], None] | None = None,
) -> Floats:
    """The contract's output for every row. @throws ModelUnusable when the model cannot answer"""
    content = model if isinstance(model, bytes) else serialise(model)
    session = session_of(content, threads)
    parts: list[npt.NDArray[np.float32]] = []
    for start in range(0, len(rows), BATCH):
        batch = np.ascontiguousarray(rows[start : start + BATCH])
        try:
            (answer,) = session.run([contract.output.name], {contract.input.name: batch})
        except Exception as error:
            raise ModelUnusable("The model does not answer real rows", [str(error).strip()]) from error
        parts.append(np.asarray(answer, dtype=np.float32))
        if tell:
            tell(min(1.0, (start + BATCH) / len(rows)))
    if not parts:
        return np.zeros((0, *contract.output.shape[1:]), dtype=np.float32)
    return np.concatenate(parts)


def predictions(outputs: Floats, contract: ModelContract) -> Doubles:
    """The class, or the number, that a row's output stands for."""
    flat = outputs.reshape(len(outputs), -1)
    if isinstance(contract.task, Regression):
        return flat[:, 0].astype(np.float64)
    return flat.argmax(axis=1).astype(np.float64)


def agreement(one: Doubles, other: Doubles, contract: ModelContract) -> float | None:
    """Share of equal answers; for a regression of answers within a tenth of the first one's spread."""
    if not len(one):
        return None
    if isinstance(contract.task, Regression):
        tolerance = 0.1 * float(np.std(one)) + 1e-9
        return float((np.abs(one - other) <= tolerance).mean())
    return float((one == other).mean())


def accuracy(answers: Doubles, labels: Doubles, contract: ModelContract) -> float | None:
    """Share of right answers among labelled rows (regression: explained share of variance). None without labels."""
    known = np.isfinite(labels)
    if not known.any():
        return None
    if isinstance(contract.task, Regression):
        spread = float(np.var(labels[known]))
        return 1 - float(np.mean((answers[known] - labels[known]) ** 2)) / spread if spread > 0 else None
    return float((answers[known] == labels[known]).mean())
