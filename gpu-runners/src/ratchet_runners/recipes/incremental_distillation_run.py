"""Three steps: train the reference on what is new, distil the student from it, quantize the student."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx

from ratchet_runners.data.rows import Doubles, Indices
from ratchet_runners.documents.job import Classification
from ratchet_runners.documents.report import ReportedStep
from ratchet_runners.faults import MissingExtra
from ratchet_runners.model.normalise import normalise
from ratchet_runners.model.scoring import accuracy, predictions, score
from ratchet_runners.recipes.incremental_distillation import IncrementalDistillation
from ratchet_runners.recipes.judge import judge
from ratchet_runners.recipes.outcome import Made, take_step
from ratchet_runners.workbench import Workbench

#: With fewer held-back labelled rows than this the selection rows help out in judging the teacher.
ENOUGH_TO_JUDGE = 50


def incremental_distillation(config: IncrementalDistillation, reference: onnx.ModelProto, bench: Workbench) -> Made:
    """Candidate and newly trained reference, or no candidate where the teacher is out of its depth.

    @throws MissingExtra without torch; DataUnusable; ModelUnusable
    """
    _prepare_torch(bench)
    plain = normalise(reference, bench.rows.input[:32], bench.contract, bench.threads)
    tuned, trained = take_step(config.fine_tune, plain, bench)
    reasons, figures = _judge_teacher(config, plain, tuned.model, bench)
    steps: tuple[ReportedStep, ...] = (trained,)
    if reasons:
        return Made(None, None, reasons, figures, steps)
    taught = replace(bench, models={**bench.models, "teacher": tuned.model})
    student, distilled = take_step(config.distil, plain, taught)
    result, quantized = take_step(config.quantize, student.model, bench)
    steps = (trained, distilled, quantized)
    if result.refusals:
        return Made(None, None, result.refusals, figures, steps)
    bench.tell("verify", 0.0, "")
    everything = {**bench.models, "newReference": tuned.model, "student": student.model}
    figures |= judge(result.model, reference, "newReference", everything, bench)
    bench.tell("verify", 1.0, "")
    notes = (*tuned.notes, *student.notes, *result.notes)
    return Made(result.model, tuned.model, notes, figures, steps)


def _prepare_torch(bench: Workbench) -> None:
    bench.tell("train", 0.0, "loading torch")
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "The recipe incremental-distillation needs torch: install the package with its extra [train]"
        ) from error
    torch.set_num_threads(bench.threads)
    torch.manual_seed(bench.seed)
    torch.use_deterministic_algorithms(True)


def _judge_teacher(
    config: IncrementalDistillation, old: onnx.ModelProto, new: onnx.ModelProto, bench: Workbench
) -> tuple[tuple[str, ...], dict[str, float | None]]:
    """A wrong teacher is the main way in which distillation without labels fails, so it has to prove itself first."""
    positions = _fresh_labelled(bench, bench.split.held_back)
    if len(positions) < ENOUGH_TO_JUDGE:
        positions = np.concatenate([positions, _fresh_labelled(bench, bench.split.select)])
    labels = bench.rows.label[positions]
    before = accuracy(_answers(old, positions, bench), labels, bench.contract)
    after = accuracy(_answers(new, positions, bench), labels, bench.contract)
    figures: dict[str, float | None] = {
        "teacherRows": float(len(positions)),
        "teacherAccuracy": after,
        "teacherAccuracyBefore": before,
    }
    if after is None or before is None:
        return ("no held-back fresh row has a label, so the teacher cannot prove itself",), figures
    floor = _floor(config, bench)
    reasons: list[str] = []
    if after < before:
        reasons.append(
            f"the teacher is out of its depth: {after:.4f} on {len(positions)} held-back fresh rows, "
            f"the old reference reaches {before:.4f}"
        )
    if after < floor:
        reasons.append(
            f"the teacher is out of its depth: {after:.4f} on {len(positions)} held-back fresh rows, "
            f"at least {floor:.4f} is asked for"
        )
    return tuple(reasons), figures


def _floor(config: IncrementalDistillation, bench: Workbench) -> float:
    asked = config.distil.minimum_teacher_accuracy
    if asked is not None:
        return asked
    task = bench.contract.task
    if not isinstance(task, Classification):
        return 0.0
    return 0.6 if task.classes == 2 else 1.5 / task.classes


def _fresh_labelled(bench: Workbench, positions: Indices) -> Indices:
    return positions[bench.rows.labelled[positions] & ~bench.rows.replay[positions]]


def _answers(model: onnx.ModelProto, positions: Indices, bench: Workbench) -> Doubles:
    return predictions(score(model, bench.rows.input[positions], bench.contract, bench.threads), bench.contract)
