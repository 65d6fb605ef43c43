"""What the student is asked in a step, and how good it is on the selection rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ratchet_runners.data.rows import Indices, Inputs
from ratchet_runners.distil.config import Distil
from ratchet_runners.distil.losses import as_logits, soft_targets
from ratchet_runners.distil.teacher import Teacher
from ratchet_runners.distil.terms import Term
from ratchet_runners.documents.job import Classification
from ratchet_runners.workbench import Workbench

LARGEST_SHIFT = 2
#: Noise as a share of an input's spread.
NOISE = 0.1
SCORING_BATCH = 256


class Student(Protocol):
    """What learns: a graph as a module, or a module that a builder made."""

    @property
    def quantizer_parameters(self) -> list[nn.Parameter]: ...

    def tapped(self, rows: torch.Tensor, taps: Sequence[str]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]: ...


class Lesson(nn.Module):
    """The student together with what learns beside it.

    The score is minus the loss of the answers, fresh and older rows counting the same however many there are: what was
    forgotten weighs as much as what was learned.
    """

    def __init__(
        self,
        config: Distil,
        student: Student,
        teacher: Teacher,
        terms: Sequence[Term],
        positions: Indices,
        bench: Workbench,
    ) -> None:
        super().__init__()
        self.positions = positions
        self._config, self._bench, self._teacher = config, bench, teacher
        self.student = student
        self.terms = nn.ModuleList(terms)
        self._terms = tuple(terms)
        self._taps = tuple(dict.fromkeys(match.student.name for term in terms for match in term.matches))
        self._selection = bench.split.select if len(bench.split.select) else positions
        needed = np.unique(np.concatenate([positions, self._selection]))
        taught = teacher.answers(needed, lambda fraction: bench.tell("teach", fraction, "soft targets"))
        taught[needed] = as_logits_of(taught[needed], bench)
        self._taught = taught
        self._labels = torch.from_numpy(np.nan_to_num(bench.rows.label))
        self._labelled = torch.from_numpy(bench.rows.labelled)
        self._random = np.random.default_rng(bench.seed)
        self._spread = np.std(bench.rows.input[needed[:1000]], axis=0) if config.augmentation == "noise" else None

    @property
    def quantizer_parameters(self) -> list[nn.Parameter]:
        return self.student.quantizer_parameters

    @property
    def selection(self) -> Indices:
        return self._selection

    def loss(self, batch: Indices) -> torch.Tensor:
        """What the batch's rows cost: answers, and every term."""
        self.train()
        inputs = np.ascontiguousarray(self._bench.rows.input[batch])
        changed = self._augmented(inputs)
        tensors: dict[str, torch.Tensor] = {}
        taught = self._taught[batch]
        if changed is not inputs or self._terms:
            answers, tensors = self._teacher.ask(changed)
            taught = as_logits_of(answers, self._bench)
        outputs, own = self.student.tapped(torch.from_numpy(changed), self._taps)
        total = self._config.soft_weight * self._answers(outputs.reshape(len(batch), -1), taught, batch)
        for term in self._terms:
            total = total + term(own, tensors, len(batch))
        return total

    def score(self) -> float:
        """Minus the loss of the answers on the selection rows, the mean of fresh and older ones."""
        self.eval()
        older = self._bench.rows.replay[self._selection]
        kinds = [self._selection[each] for each in (older, ~older) if each.any()]
        return -float(np.mean([self._mean(positions) for positions in kinds]))

    @torch.no_grad()
    def _mean(self, positions: Indices) -> float:
        total = 0.0
        for start in range(0, len(positions), SCORING_BATCH):
            batch = positions[start : start + SCORING_BATCH]
            inputs = torch.from_numpy(np.ascontiguousarray(self._bench.rows.input[batch]))
            outputs, _ = self.student.tapped(inputs, ())
            loss = self._answers(outputs.reshape(len(batch), -1), self._taught[batch], batch)
            total += float(loss) * len(batch)
        return total / max(1, len(positions))

    def _answers(self, outputs: torch.Tensor, taught: torch.Tensor, batch: Indices) -> torch.Tensor:
        """Soft targets for every row; where a row has a label, that counts by 1 - alpha."""
        labels, labelled = self._labels[batch], self._labelled[batch]
        weight = torch.where(labelled, torch.tensor(self._config.alpha), torch.tensor(1.0))
        if not isinstance(self._bench.contract.task, Classification):
            soft = (outputs - taught).square().mean(dim=1)
            hard = (outputs[:, 0] - labels.to(outputs.dtype)).square()
        else:
            outputs = as_logits(outputs)
            soft = soft_targets(outputs, taught, self._config.temperature)
            hard = functional.cross_entropy(outputs, labels.to(torch.int64), reduction="none")
        return (weight * soft + (1 - weight) * hard).mean()

    def _augmented(self, inputs: Inputs) -> Inputs:
        """The rows, changed so that the student sees more than what was sampled; whole numbers stay as they are."""
        if inputs.dtype != np.float32:
            return inputs
        if self._config.augmentation == "shift" and inputs.ndim == 4:
            across, down = self._random.integers(-LARGEST_SHIFT, LARGEST_SHIFT + 1, 2).tolist()
            return np.ascontiguousarray(np.roll(inputs, (down, across), (2, 3)))
        if self._spread is not None:
            noise = self._random.standard_normal(inputs.shape, dtype=np.float32)
            return inputs + NOISE * self._spread.astype(np.float32) * noise
        return inputs


def as_logits_of(answers: torch.Tensor, bench: Workbench) -> torch.Tensor:
    """A classifier's answers as logits, a regression's as they are."""
    return as_logits(answers) if isinstance(bench.contract.task, Classification) else answers
