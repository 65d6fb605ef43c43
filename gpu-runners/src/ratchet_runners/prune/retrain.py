"""Distillation of a pruned graph from the answers that the unpruned one gave: no labels needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import numpy as np
import onnx
import torch
from torch.nn import functional

from ratchet_runners.data.rows import Floats, Indices
from ratchet_runners.distil.losses import as_logits, soft_targets
from ratchet_runners.documents.job import Classification
from ratchet_runners.engine.module import GraphModule
from ratchet_runners.engine.train import Schedule, Trained, train
from ratchet_runners.workbench import Workbench

#: Steps between looks at the selection rows.
EPOCH = 50
#: Selection rows that are looked at.
MOST_SELECTED = 512


@dataclass(frozen=True)
class Lesson:
    """What is learnt, by whom it was answered, and how."""

    rows: Indices
    #: Rows that choose between what was trained.
    selection: Indices
    #: The teacher's answers by position in the bench's rows, flat.
    taught: Floats
    batch_size: int
    learning_rate: float
    temperature: float
    alpha: float


def retrain(
    model: onnx.ModelProto,
    lesson: Lesson,
    bench: Workbench,
    steps: int,
    seconds: float,
    tell: Callable[[float, str], None],
) -> tuple[onnx.ModelProto, Trained]:
    """Trains for so many steps; the weights that do best on the selection rows are kept, the present ones included.

    @throws ModelUnusable when the graph engine does not know all operators
    """
    module = GraphModule(model, bench.contract.input.name, bench.contract.output.name)
    taught = torch.from_numpy(lesson.taught)
    labels, labelled = torch.from_numpy(np.nan_to_num(bench.rows.label)), torch.from_numpy(bench.rows.labelled)
    selection = lesson.selection[:MOST_SELECTED]

    def loss_of(batch: Indices, known: torch.Tensor) -> torch.Tensor:
        outputs = module(torch.from_numpy(bench.rows.input[batch])).reshape(len(batch), -1)
        weight = torch.where(known, torch.tensor(lesson.alpha), torch.tensor(1.0))
        if not isinstance(bench.contract.task, Classification):
            hard = (outputs[:, 0] - labels[batch].to(outputs.dtype)) ** 2
            return (weight * ((outputs - taught[batch]) ** 2).mean(dim=1) + (1 - weight) * hard).mean()
        logits = as_logits(outputs)
        soft = soft_targets(logits, as_logits(taught[batch]), lesson.temperature)
        hard = functional.cross_entropy(logits, labels[batch].to(torch.int64), reduction="none")
        return (weight * soft + (1 - weight) * hard).mean()

    def loss(batch: Indices) -> torch.Tensor:
        return loss_of(batch, labelled[batch])

    def score() -> float:
        with torch.no_grad():
            parts = np.array_split(selection, max(1, ceil(len(selection) / 128)))
            unknown = torch.zeros(len(selection), dtype=torch.bool)
            losses = [float(loss_of(part, unknown[: len(part)])) * len(part) for part in parts if len(part)]
        return -sum(losses) / max(1, len(selection))

    epoch_steps = max(1, min(EPOCH, ceil(len(lesson.rows) / lesson.batch_size)))
    epochs = ceil(steps / epoch_steps)
    schedule = Schedule(
        epochs=epochs,
        batch_size=lesson.batch_size,
        learning_rate=lesson.learning_rate,
        weight_decay=0.0,
        patience=epochs,
        seconds=seconds,
        seed=bench.seed + 2,
        epoch_steps=epoch_steps,
    )
    trained = train(module, lesson.rows, loss, score, schedule, tell)
    return module.write_back(), trained
