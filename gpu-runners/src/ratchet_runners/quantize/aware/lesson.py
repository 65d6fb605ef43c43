"""What a quantized graph learns: the teacher's answers on every row, and labels where there are some."""

from __future__ import annotations

import numpy as np
import onnx
import torch
from torch.nn import functional

from ratchet_runners.data.rows import Indices
from ratchet_runners.data.split import with_replay
from ratchet_runners.distil.losses import as_logits, soft_targets
from ratchet_runners.documents.job import Classification
from ratchet_runners.engine.module import GraphModule
from ratchet_runners.engine.train import answers
from ratchet_runners.faults import DataUnusable
from ratchet_runners.model.scoring import score as score_rows
from ratchet_runners.quantize.aware.config import FakeQuantized
from ratchet_runners.workbench import Workbench

#: Selection rows that every evaluation asks; more would cost more than the steps between.
MOST_SELECTION_ROWS = 1024


class Lesson:
    """Soft targets of a teacher for the rows of one job, scored once by ONNX Runtime."""

    def __init__(
        self, config: FakeQuantized, minimum_rows: int, replay_share: float, teacher: onnx.ModelProto, bench: Workbench
    ) -> None:
        """@throws DataUnusable when there are too few rows; ModelUnusable"""
        self._config, self._bench = config, bench
        self.training = _chosen(replay_share, bench)
        if len(self.training) < minimum_rows:
            raise DataUnusable(f"Training needs at least {minimum_rows} rows, there are {len(self.training)}")
        selection = bench.split.select if len(bench.split.select) else self.training
        self.selection: Indices = selection[:MOST_SELECTION_ROWS]
        self._taught = _taught(teacher, np.concatenate([self.training, self.selection]), bench)
        self._labels = torch.from_numpy(np.nan_to_num(bench.rows.label))
        self._labelled = torch.from_numpy(bench.rows.labelled)
        self._classes = isinstance(bench.contract.task, Classification)
        self._spread = max(1e-12, float(self._taught[self.training].var()))

    @property
    def labelled_rows(self) -> int:
        return int(self._labelled[self.training].sum())

    def loss(self, module: GraphModule, batch: Indices) -> torch.Tensor:
        """For one batch; of a regression as a share of the variance of the teacher's answers."""
        outputs = module(torch.from_numpy(self._bench.rows.input[batch])).reshape(len(batch), -1)
        return self._loss(outputs, batch, self._labelled[batch])

    def score(self, module: GraphModule) -> float:
        """Minus the distance to the teacher on the selection rows; labels do not count there."""
        module.eval()
        outputs = answers(module, self._bench.rows.input[self.selection]).reshape(len(self.selection), -1)
        module.train()
        return -float(self._loss(outputs, self.selection, torch.zeros(len(self.selection), dtype=torch.bool)))

    def _loss(self, outputs: torch.Tensor, batch: Indices, labelled: torch.Tensor) -> torch.Tensor:
        weight = torch.where(labelled, self._config.alpha, 1.0)
        taught, labels = self._taught[batch], self._labels[batch]
        if not self._classes:
            soft = (outputs - taught).square().mean(dim=1) / self._spread
            hard = (outputs[:, 0] - labels.to(outputs.dtype)).square() / self._spread
        else:
            outputs = as_logits(outputs)
            soft = soft_targets(outputs, as_logits(taught), self._config.temperature)
            hard = functional.cross_entropy(outputs, labels.to(torch.int64), reduction="none")
        return (weight * soft + (1 - weight) * hard).mean()


def _chosen(replay_share: float, bench: Workbench) -> Indices:
    rows, positions = bench.rows, bench.split.train
    fresh = int((~rows.replay[positions]).sum())
    total = round(fresh / max(1e-9, 1 - replay_share)) if fresh else len(positions)
    return with_replay(rows, positions, min(total, len(positions)), replay_share)


def _taught(teacher: onnx.ModelProto, needed: Indices, bench: Workbench) -> torch.Tensor:
    taught = torch.zeros(len(bench.rows), int(np.prod(bench.contract.output.shape[1:])))
    scored = score_rows(
        teacher,
        bench.rows.input[needed],
        bench.contract,
        bench.threads,
        lambda fraction: bench.tell("teach", fraction, "soft targets"),
    )
    taught[needed] = torch.from_numpy(scored.reshape(len(needed), -1))
    return taught
