"""Measures what came out, on rows that no step saw, by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from ratchet_runners.data.rows import Rows
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.load import contract_faults
from ratchet_runners.model.scoring import accuracy, agreement, predictions, score, serialise
from ratchet_runners.workbench import Workbench


def judge(
    candidate: onnx.ModelProto,
    original: onnx.ModelProto,
    truth: str,
    models: Mapping[str, onnx.ModelProto],
    bench: Workbench,
) -> dict[str, float | None]:
    """Agreement with `models[truth]`, accuracy of every model, size as a share of `original`'s; replay rows apart.

    @throws ModelUnusable when the candidate breaks the contract
    """
    faults = contract_faults(candidate, bench.contract)
    if faults:
        raise ModelUnusable("The compressed model breaks the contract", faults)
    onnx.checker.check_model(candidate)
    held_back = bench.split.held_back
    replay = bench.rows.replay[held_back]
    fresh = held_back[~replay] if (~replay).any() else held_back
    figures: dict[str, float | None] = {
        "selectionRows": float(len(fresh)),
        "selectionLabelled": float(bench.rows.labelled[fresh].sum()),
        "sizeRatio": len(serialise(candidate)) / len(serialise(original)),
    }
    everything = {**models, "candidate": candidate}
    figures |= _on(bench.rows.take(fresh), everything, truth, bench, "")
    if replay.any() and not replay.all():
        figures |= _on(bench.rows.take(held_back[replay]), everything, truth, bench, "replay")
    return figures


def _on(
    rows: Rows, models: Mapping[str, onnx.ModelProto], truth: str, bench: Workbench, prefix: str
) -> dict[str, float | None]:
    answers = {
        name: predictions(score(model, rows.input, bench.contract, bench.threads), bench.contract)
        for name, model in models.items()
    }
    if not all(np.isfinite(answer).all() for answer in answers.values()):
        raise ModelUnusable("A model answers real rows with numbers that are not finite")
    figures: dict[str, float | None] = {
        _named(prefix, "agreement"): agreement(answers[truth], answers["candidate"], bench.contract)
    }
    for name, answer in answers.items():
        figures[_named(prefix, f"{name}Accuracy")] = accuracy(answer, rows.label, bench.contract)
    return figures


def _named(prefix: str, name: str) -> str:
    return prefix + name[0].upper() + name[1:] if prefix else name
