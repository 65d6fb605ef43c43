"""Builds a student, teaches it, exports it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
import torch
from torch import nn

from ratchet_runners.builder.build import build, give_slices, give_weights, read_weights
from ratchet_runners.builder.config import BuilderStudent
from ratchet_runners.builder.export import exported, require_equal
from ratchet_runners.distil.lesson import Lesson
from ratchet_runners.distil.run import chosen_rows, train_lesson, tried
from ratchet_runners.distil.teacher import Teacher
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench


class BuiltStudent(nn.Module):
    """A builder's module where a lesson expects a student."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    @property
    def quantizer_parameters(self) -> list[nn.Parameter]:
        return []

    def tapped(self, rows: torch.Tensor, taps: Sequence[str]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Answers; it has no named tensors. A single row is doubled, because batch normalisation needs two."""
        if self.training and len(rows) == 1:
            return self.module(torch.cat([rows, rows]))[:1], {}
        return self.module(rows), {}


@technique("builder-student", BuilderStudent)
def builder_student(config: BuilderStudent, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """A new float model of the same contract. Before anything else the builder has to prove itself: with the job's own
    arguments and weights it answers like the reference.

    @throws MissingExtra, DataUnusable; ModelUnusable also where the builder is not on the runner's allow-list
    """
    if bench.builder is None:
        raise ModelUnusable("There is no builder", ["the job names none as artifacts.builder"])
    torch.set_num_threads(bench.threads)
    bench.tell("build", 0.0, bench.builder.entry)
    original = build(bench.builder, {}, bench.seed)
    weights = read_weights(Path(bench.builder.weights.path))
    give_weights(original, weights)
    reference = bench.models.get("reference") or bench.source()
    sample = bench.rows.input[:64]
    require_equal(original, reference, sample, bench, "The builder's module answers otherwise than the reference")
    verdict = tried(config.distil, bench)
    figures = dict(verdict.figures)
    if verdict.reasons:
        return StepResult(model, figures, refusals=verdict.reasons)
    module = build(bench.builder, config.arguments, bench.seed)
    if config.initialise == "weights":
        give_weights(module, weights)
    elif config.initialise == "sliced":
        sliced = give_slices(module, weights)
        figures |= {"wholeTensors": sliced.whole, "cutTensors": sliced.cut, "newTensors": sliced.anew}
    chosen = chosen_rows(config.distil, bench)
    lesson = Lesson(config.distil, BuiltStudent(module), Teacher(bench.teacher(), (), bench), (), chosen, bench)
    trained = train_lesson(config.distil, lesson, bench)
    bench.tell("export", 0.0, "to ONNX")
    figures |= {
        "rows": float(len(chosen)),
        "epochs": float(trained.epochs),
        "bestEpoch": float(trained.best_epoch),
        "steps": float(trained.steps),
        "selectionLoss": -trained.best,
    }
    notes = ("training was cut short by the time limit",) if trained.cut_short else ()
    return StepResult(exported(module, bench), figures, notes)
