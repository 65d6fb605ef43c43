"""Rows that were changed on purpose, as little as it takes. Needs torch: gradients come from the graph engine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import torch
from torch.nn import functional as F

from ratchet_runners.data.rows import Doubles, Floats
from ratchet_runners.documents.job import ModelContract, Regression
from ratchet_runners.engine.quantized import trainable_module
from ratchet_runners.evaluate.noise import spreads

BATCH = 64


class Attacker:
    """Makes adversarial rows from one model's gradients, within `strength` spreads of every feature and within what
    each feature was seen to be."""

    def __init__(self, model: onnx.ModelProto, contract: ModelContract, seen: Floats) -> None:
        """`seen` are rows that give spreads and bounds. @throws ModelUnusable where the engine cannot run the model"""
        # Through Q/DQ pairs gradients go straight (Bengio, Léonard & Courville 2013): rounding itself has none.
        self._module = trainable_module(model, contract.input.name, contract.output.name)
        self._module.requires_grad_(False)
        self._regression = isinstance(contract.task, Regression)
        self._spreads = torch.from_numpy(spreads(seen))
        self._low = torch.from_numpy(seen.min(axis=0, keepdims=True))
        self._high = torch.from_numpy(seen.max(axis=0, keepdims=True))

    def fgsm(self, rows: Floats, truth: Doubles, strength: float) -> Floats:
        """One step along the gradient's sign (Goodfellow, Shlens & Szegedy 2015)."""
        return self._batched(rows, truth, lambda one, two: self._bounded(one, one, strength, strength, two))

    def pgd(self, rows: Floats, truth: Doubles, strength: float, steps: int, seed: int) -> Floats:
        """Projected gradient descent from a random start (Madry et al. 2018), steps of 2.5 × strength ÷ steps."""
        generator = torch.Generator().manual_seed(seed)

        def climb(clean: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
            start = (2 * torch.rand(clean.shape, generator=generator) - 1) * strength * self._spreads
            changed = self._within(clean, clean + start, strength)
            for _ in range(steps):
                changed = self._bounded(changed, clean, 2.5 * strength / steps, strength, goal)
            return changed

        return self._batched(rows, truth, climb)

    def _batched(
        self, rows: Floats, truth: Doubles, change: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    ) -> Floats:
        made: list[Floats] = []
        for start in range(0, len(rows), BATCH):
            clean = torch.from_numpy(np.ascontiguousarray(rows[start : start + BATCH]))
            goal = torch.from_numpy(truth[start : start + BATCH])
            made.append(change(clean, goal).numpy())
        return np.concatenate(made) if made else rows[:0]

    def _bounded(
        self, now: torch.Tensor, clean: torch.Tensor, step: float, strength: float, goal: torch.Tensor
    ) -> torch.Tensor:
        gradient = self._gradient(now, goal)
        return self._within(clean, now + step * self._spreads * gradient.sign(), strength)

    def _within(self, clean: torch.Tensor, changed: torch.Tensor, strength: float) -> torch.Tensor:
        limit = strength * self._spreads
        near = torch.minimum(torch.maximum(changed, clean - limit), clean + limit)
        # A row that itself leaves the seen range stays where it is, rather than being moved further than allowed.
        return torch.minimum(torch.maximum(near, torch.minimum(self._low, clean)), torch.maximum(self._high, clean))

    def _gradient(self, rows: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
        """Of the loss that is to grow: cross entropy, or the squared error."""
        asked = rows.detach().clone().requires_grad_(True)
        outputs = self._module(asked).reshape(len(rows), -1)
        if self._regression:
            loss = ((outputs[:, 0] - goal.to(outputs.dtype)) ** 2).sum()
        else:
            # Where the outputs are probabilities already their logarithm is what softmax undoes.
            total = outputs.detach()
            probable = bool((total >= 0).all()) and torch.allclose(total.sum(1), torch.ones(len(rows)), atol=1e-3)
            scores = torch.log(outputs.clamp_min(1e-12)) if probable else outputs
            loss = F.cross_entropy(scores, goal.long(), reduction="sum")
        (gradient,) = torch.autograd.grad(loss, asked)
        return gradient
