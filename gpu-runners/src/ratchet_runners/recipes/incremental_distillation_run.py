"""Find a teacher that knows what is new, distil the student from it, quantize the student."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import onnx

from ratchet_runners.documents.report import ReportedStep
from ratchet_runners.model.normalise import normalise
from ratchet_runners.recipes.incremental_distillation import IncrementalDistillation
from ratchet_runners.recipes.judge import judge
from ratchet_runners.recipes.learning import prepare_torch
from ratchet_runners.recipes.outcome import Made, take_step
from ratchet_runners.registry import StepResult
from ratchet_runners.workbench import Workbench


@dataclass(frozen=True)
class Taught:
    """A student and its teacher; with refusals there is neither."""

    student: StepResult
    teacher: onnx.ModelProto
    #: What the teacher is called in the report's figures.
    name: str
    steps: tuple[ReportedStep, ...]


def incremental_distillation(config: IncrementalDistillation, reference: onnx.ModelProto, bench: Workbench) -> Made:
    """The candidate and, where it was trained, the new reference; or none where every teacher is out of its depth.

    A teacher that the job names teaches if it proves itself. Else the reference is trained on fresh labelled rows.

    @throws MissingExtra without torch; DataUnusable; ModelUnusable
    """
    bench.tell("train", 0.0, "loading torch")
    prepare_torch(bench, "The recipe incremental-distillation")
    plain = normalise(reference, bench.rows.input[:32], bench.contract, bench.threads)
    bench = replace(bench, models={**bench.models, "source": plain})
    taught = _taught(config, plain, bench)
    figures = dict(taught.student.figures)
    if taught.student.refusals:
        return Made(None, None, taught.student.refusals, _of_the_trial(figures), taught.steps)
    result, quantized = take_step(config.quantize, taught.student.model, bench)
    steps = (*taught.steps, quantized)
    figures = _of_the_trial(figures)
    if result.refusals:
        return Made(None, None, result.refusals, figures, steps)
    bench.tell("verify", 0.0, "")
    served = {name: bench.models[name] for name in ("reference", "champion") if name in bench.models}
    compared = {**served, taught.name: taught.teacher, "student": taught.student.model}
    figures |= judge(result.model, reference, taught.name, compared, bench)
    bench.tell("verify", 1.0, "")
    notes = tuple(note for step in steps for note in step.notes)
    made = taught.teacher if taught.name == "newReference" else None
    return Made(result.model, made, notes, figures, steps)


def _taught(config: IncrementalDistillation, plain: onnx.ModelProto, bench: Workbench) -> Taught:
    steps: tuple[ReportedStep, ...] = ()
    if "teacher" in bench.models:
        student, step = _distilled(config, plain, bench)
        steps = (step,)
        taught = Taught(student, bench.models["teacher"], "namedTeacher", steps)
        if not student.refusals or not _enough_labels(config, bench):
            return taught
    tuned, trained = take_step(config.fine_tune, plain, bench)
    bench = replace(bench, models={**bench.models, "teacher": tuned.model})
    student, step = _distilled(config, plain, bench)
    return Taught(student, tuned.model, "newReference", (*steps, trained, step))


def _distilled(
    config: IncrementalDistillation, plain: onnx.ModelProto, bench: Workbench
) -> tuple[StepResult, ReportedStep]:
    """The student starts at the champion where that is the better start."""
    from ratchet_runners.distil.champion import warm_start

    start = warm_start(plain, bench)
    student, step = take_step(config.distil, start.model, bench)
    figures, notes = start.figures | step.figures, (*start.notes, *step.notes)
    return student, step.model_copy(update={"figures": figures, "notes": notes})


def _enough_labels(config: IncrementalDistillation, bench: Workbench) -> bool:
    train = bench.split.train
    fresh = bench.rows.labelled[train] & ~bench.rows.replay[train]
    return int(np.count_nonzero(fresh)) >= config.fine_tune.minimum_labelled


def _of_the_trial(figures: dict[str, float | None]) -> dict[str, float | None]:
    return {name: value for name, value in figures.items() if name.startswith("teacher")}
