"""Trains a student towards a teacher's soft targets."""

from __future__ import annotations

import numpy as np
import onnx
import torch
from torch.nn import functional

from ratchet_runners.data.rows import Indices
from ratchet_runners.data.split import with_replay
from ratchet_runners.distil.config import Distil
from ratchet_runners.documents.job import Classification
from ratchet_runners.engine.module import GraphModule
from ratchet_runners.engine.train import Schedule, answers, train
from ratchet_runners.faults import DataUnusable
from ratchet_runners.model.scoring import score as score_rows
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench


@technique("distil", Distil)
def distil(config: Distil, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """The student `model` learns what `bench.models["teacher"]` answers, on labelled and unlabelled rows alike.

    @throws DataUnusable when there are too few rows; ModelUnusable
    """
    rows = bench.rows
    fresh = int((~rows.replay[bench.split.train]).sum())
    total = round(fresh / (1 - config.replay_share)) if fresh else len(bench.split.train)
    chosen = with_replay(rows, bench.split.train, min(total, len(bench.split.train)), config.replay_share)
    if len(chosen) < config.minimum_rows:
        raise DataUnusable(f"Distillation needs at least {config.minimum_rows} rows, there are {len(chosen)}")
    selection = bench.split.select if len(bench.split.select) else chosen
    needed = np.concatenate([chosen, selection])
    taught = torch.zeros(len(rows), int(np.prod(bench.contract.output.shape[1:])))
    taught[needed] = torch.from_numpy(
        score_rows(
            bench.models["teacher"],
            rows.input[needed],
            bench.contract,
            bench.threads,
            lambda fraction: bench.tell("teach", fraction, "soft targets"),
        ).reshape(len(needed), -1)
    )
    start = bench.models["teacher"] if config.student == "teacher" else model
    module = GraphModule(start, bench.contract.input.name, bench.contract.output.name)
    labels = torch.from_numpy(np.nan_to_num(rows.label))
    labelled = torch.from_numpy(rows.labelled)

    def loss(batch: Indices) -> torch.Tensor:
        outputs = module(torch.from_numpy(rows.input[batch])).reshape(len(batch), -1)
        return _loss(outputs, taught[batch], labels[batch], labelled[batch], config, bench)

    def score() -> float:
        positions = selection
        outputs = answers(module, rows.input[positions]).reshape(len(positions), -1)
        unknown = torch.zeros(len(positions), dtype=torch.bool)
        return -float(_loss(outputs, taught[positions], labels[positions], unknown, config, bench))

    trained = train(
        module,
        chosen,
        loss,
        score,
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
    notes = ("distillation was cut short by the time limit",) if trained.cut_short else ()
    figures: dict[str, float | None] = {
        "rows": float(len(chosen)),
        "replayRows": float(rows.replay[chosen].sum()),
        "labelledRows": float(rows.labelled[chosen].sum()),
        "epochs": float(trained.epochs),
        "bestEpoch": float(trained.best_epoch),
        "steps": float(trained.steps),
        "selectionLoss": -trained.best,
    }
    return StepResult(module.write_back(), figures, notes)


def _loss(
    outputs: torch.Tensor,
    taught: torch.Tensor,
    labels: torch.Tensor,
    labelled: torch.Tensor,
    config: Distil,
    bench: Workbench,
) -> torch.Tensor:
    """Soft targets for every row; where a row has a label, that counts by 1 - alpha."""
    weight = torch.where(labelled, torch.tensor(config.alpha), torch.tensor(1.0))
    if not isinstance(bench.contract.task, Classification):
        hard = (outputs[:, 0] - labels.to(outputs.dtype)) ** 2
        return (weight * ((outputs - taught) ** 2).mean(dim=1) + (1 - weight) * hard).mean()
    heat = config.temperature
    soft = functional.kl_div(
        functional.log_softmax(outputs / heat, dim=1), functional.softmax(taught / heat, dim=1), reduction="none"
    ).sum(dim=1)
    hard = functional.cross_entropy(outputs, labels.to(torch.int64), reduction="none")
    return (weight * heat * heat * soft + (1 - weight) * hard).mean()
