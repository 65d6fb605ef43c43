"""Trains the full-precision reference on fresh labelled rows, with older ones mixed in."""

from __future__ import annotations

import numpy as np
import onnx
import torch
from torch.nn import functional

from ratchet_runners.data.rows import Indices
from ratchet_runners.data.split import with_replay
from ratchet_runners.documents.job import Classification
from ratchet_runners.engine.module import GraphModule
from ratchet_runners.engine.train import Schedule, answers, train
from ratchet_runners.faults import DataUnusable
from ratchet_runners.fine_tune.config import FineTune
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench

LARGEST_SHIFT = 2


@technique("fine-tune", FineTune)
def fine_tune(config: FineTune, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """Cross-entropy (squared error for a regression) on the training rows that have labels; the epoch that does best on
    the selection rows is kept.

    @throws DataUnusable when too few fresh rows have labels; ModelUnusable
    """
    rows, labelled = bench.rows, bench.rows.labelled
    usable = bench.split.train[labelled[bench.split.train]]
    fresh = int((~rows.replay[usable]).sum())
    if fresh < config.minimum_labelled:
        raise DataUnusable(
            f"Training needs at least {config.minimum_labelled} fresh labelled rows, there are {fresh} "
            f"({int(labelled.sum())} of all {len(rows)} rows have labels)"
        )
    chosen = with_replay(rows, usable, min(len(usable), round(fresh / (1 - config.replay_share))), config.replay_share)
    selection = bench.split.select[labelled[bench.split.select]]
    if not len(selection):  # so few labels that chance put none there
        selection = chosen
    module = GraphModule(model, bench.contract.input.name, bench.contract.output.name)
    targets = _targets(bench)
    generator = np.random.default_rng(bench.seed)

    def loss(batch: Indices) -> torch.Tensor:
        inputs = torch.from_numpy(rows.input[batch])
        if config.augmentation and inputs.dim() == 4:
            across, down = generator.integers(-LARGEST_SHIFT, LARGEST_SHIFT + 1, 2).tolist()
            inputs = torch.roll(inputs, (across, down), (2, 3))
        return _loss(module(inputs), targets[batch], bench)

    def score() -> float:
        """Minus the loss, fresh and older rows by their shares: falling on either side is noticed."""
        return -float(_loss(answers(module, rows.input[selection]), targets[selection], bench))

    trained = train(
        module,
        chosen,
        loss,
        score,
        Schedule(
            epochs=config.epochs,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            patience=config.patience,
            seconds=bench.seconds_left(config.wall_share),
            seed=bench.seed,
        ),
        lambda fraction, message: bench.tell("train", fraction, message),
    )
    notes = ("training was cut short by the time limit",) if trained.cut_short else ()
    figures: dict[str, float | None] = {
        "rows": float(len(chosen)),
        "replayRows": float(rows.replay[chosen].sum()),
        "epochs": float(trained.epochs),
        "bestEpoch": float(trained.best_epoch),
        "steps": float(trained.steps),
        "selectionLoss": -trained.best,
    }
    return StepResult(module.write_back(), figures, notes)


def _targets(bench: Workbench) -> torch.Tensor:
    labels = np.nan_to_num(bench.rows.label)
    if isinstance(bench.contract.task, Classification):
        return torch.from_numpy(labels.astype(np.int64))
    return torch.from_numpy(labels.astype(np.float32))


def _loss(outputs: torch.Tensor, targets: torch.Tensor, bench: Workbench) -> torch.Tensor:
    if isinstance(bench.contract.task, Classification):
        return functional.cross_entropy(outputs.reshape(len(outputs), -1), targets)
    return functional.mse_loss(outputs.reshape(len(outputs), -1)[:, 0], targets)
