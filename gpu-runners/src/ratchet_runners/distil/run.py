"""Trains a student towards a teacher."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import torch

from ratchet_runners.data.rows import Indices
from ratchet_runners.data.split import with_replay
from ratchet_runners.distil.config import Distil
from ratchet_runners.distil.examine import examine
from ratchet_runners.distil.lesson import Lesson
from ratchet_runners.distil.students import student_of
from ratchet_runners.distil.teacher import Teacher
from ratchet_runners.distil.terms import Term, terms_of
from ratchet_runners.distil.trial import Verdict
from ratchet_runners.engine.parity import parity
from ratchet_runners.engine.quantized import trainable_module
from ratchet_runners.engine.quantized_layout import is_quantized
from ratchet_runners.engine.train import Schedule, Trained, train
from ratchet_runners.faults import DataUnusable
from ratchet_runners.quantize.counterpart import before_quantization
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench


@technique("distil", Distil)
def distil(config: Distil, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """The student learns what `bench.teacher()` answers, on labelled and unlabelled rows alike; refused where the
    teacher is out of its depth, or where ONNX Runtime does not answer what a quantized student was trained to answer.

    @throws DataUnusable when there are too few rows; ModelUnusable
    """
    torch.set_num_threads(bench.threads)
    chosen = chosen_rows(config, bench)
    teacher = bench.teacher()
    verdict = tried(config, bench)
    figures = dict(verdict.figures)
    if verdict.reasons:
        return StepResult(model, figures, refusals=verdict.reasons)
    start = student_of(config, model, bench)
    if start.refusals:
        return StepResult(start.model, figures, start.notes, start.refusals)
    terms = terms_of(config, start.model, teacher, bench)
    contract = bench.contract
    source = before_quantization(bench) if start.model is model else None
    module = trainable_module(start.model, contract.input.name, contract.output.name, source)
    lesson = Lesson(config, module, Teacher(teacher, _taps(terms), bench), terms, chosen, bench)
    trained = train_lesson(config, lesson, bench)
    notes = ("distillation was cut short by the time limit",) if trained.cut_short else ()
    figures |= _figures(chosen, trained, terms, bench)
    written = module.write_back()
    refusals: tuple[str, ...] = ()
    if is_quantized(written):  # of floats the operators' conformance says as much
        checked = parity(module, written, lesson.selection, bench)
        figures, refusals = {**figures, **checked.figures()}, checked.refusals
    return StepResult(written, figures, (*start.notes, *notes), refusals)


def tried(config: Distil, bench: Workbench) -> Verdict:
    """The teacher's trial, where the configuration asks for one."""
    if config.trial == "always" or (config.trial == "auto" and "teacher" in bench.models):
        return examine(config, bench.teacher(), bench.source(), bench)
    return Verdict()


def chosen_rows(config: Distil, bench: Workbench) -> Indices:
    """Training rows with their share of older ones. @throws DataUnusable when they are too few"""
    rows, positions = bench.rows, bench.split.train
    fresh = int((~rows.replay[positions]).sum())
    total = round(fresh / (1 - config.replay_share)) if fresh else len(positions)
    chosen = with_replay(rows, positions, min(total, len(positions)), config.replay_share)
    if len(chosen) < config.minimum_rows:
        raise DataUnusable(f"Distillation needs at least {config.minimum_rows} rows, there are {len(chosen)}")
    return chosen


def train_lesson(config: Distil, lesson: Lesson, bench: Workbench) -> Trained:
    """Runs the lesson by the configuration's schedule."""
    return train(
        lesson,
        lesson.positions,
        lesson.loss,
        lesson.score,
        Schedule(
            epochs=config.epochs,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            weight_decay=0.0,
            patience=config.patience,
            seconds=bench.seconds_left(config.wall_share),
            seed=bench.seed + 1,
        ),
        lambda fraction, message: bench.tell("distil", fraction, message),
    )


def _taps(terms: Sequence[Term]) -> list[str]:
    return [match.teacher.name for term in terms for match in term.matches]


def _figures(chosen: Indices, trained: Trained, terms: Sequence[Term], bench: Workbench) -> dict[str, float | None]:
    rows = bench.rows
    figures: dict[str, float | None] = {
        "rows": float(len(chosen)),
        "replayRows": float(np.count_nonzero(rows.replay[chosen])),
        "labelledRows": float(np.count_nonzero(rows.labelled[chosen])),
        "epochs": float(trained.epochs),
        "bestEpoch": float(trained.best_epoch),
        "steps": float(trained.steps),
        "selectionLoss": -trained.best,
    }
    return figures | {f"{term.name}Pairs": float(len(term.matches)) for term in terms}
