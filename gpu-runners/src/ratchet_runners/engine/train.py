"""One training loop for all: batches in a fixed order, a falling rate, the best epoch kept, within a time."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from ratchet_runners.data.rows import Indices
from ratchet_runners.engine.module import GraphModule

GRADIENT_NORM = 1.0
WARM_UP_SHARE = 0.1


class Trainable(Protocol):
    """A torch module whose quantizers, where it has any, are told from its weights."""

    @property
    def quantizer_parameters(self) -> list[nn.Parameter]: ...

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]: ...

    @property
    def state_dict(self) -> Callable[[], dict[str, Any]]: ...

    @property
    def load_state_dict(self) -> Callable[[dict[str, Any]], object]: ...


@dataclass(frozen=True)
class Schedule:
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    patience: int
    #: Seconds after which no further step is begun.
    seconds: float
    seed: int
    #: Steps after which an epoch ends; None: when all positions were taken once.
    epoch_steps: int | None = None
    #: Rate of the quantizers' parameters; None: a tenth of the weights'.
    quantizer_learning_rate: float | None = None
    #: Largest norm of the quantizers' gradient, clipped apart from the weights'.
    quantizer_gradient_norm: float = GRADIENT_NORM


@dataclass(frozen=True)
class Trained:
    epochs: int
    steps: int
    #: Of the epoch whose weights were kept.
    best: float
    best_epoch: int
    cut_short: bool


def train(
    module: Trainable,
    positions: Indices,
    loss: Callable[[Indices], torch.Tensor],
    score: Callable[[], float],
    schedule: Schedule,
    tell: Callable[[float, str], None],
    begin: Callable[[int, int], None] | None = None,
) -> Trained:
    """Lowers `loss` over `positions`, keeps the weights of the epoch with the highest `score` (the start counts too).

    A module may name some of its parameters `quantizer_parameters`: they have a rate and a clipping of their own.
    `begin` is called before every step with the steps done and all that there are to be. The order depends on the seed
    only. Time cuts the work short where it must, and `cut_short` says so.
    """
    steps = schedule.epoch_steps or max(1, math.ceil(len(positions) / schedule.batch_size))
    total = steps * schedule.epochs
    batches = _batches(positions, schedule)
    quantizers = module.quantizer_parameters
    apart = {id(parameter) for parameter in quantizers}
    weights = [parameter for parameter in module.parameters() if id(parameter) not in apart]
    optimizer = _optimizer(weights, quantizers, schedule)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, total))
    started = time.monotonic()
    best, best_epoch, state = score(), 0, copy.deepcopy(module.state_dict())
    done, epoch, cut_short = 0, 0, False
    while epoch < schedule.epochs and epoch - best_epoch < schedule.patience + 1 and not cut_short:
        epoch += 1
        for _ in range(steps):
            if time.monotonic() - started > schedule.seconds:
                cut_short = True
                break
            if begin:
                begin(done, total)
            value = loss(next(batches))
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            nn.utils.clip_grad_norm_(weights, GRADIENT_NORM)
            if quantizers:
                nn.utils.clip_grad_norm_(quantizers, schedule.quantizer_gradient_norm)
            optimizer.step()
            rate.step()
            done += 1
            tell(done / total, f"epoch {epoch} of {schedule.epochs}, loss {value.item():.3f}")
        reached = score()
        tell(done / total, f"epoch {epoch} of {schedule.epochs}, {reached:.4f} on the selection rows")
        if reached > best:
            best, best_epoch, state = reached, epoch, copy.deepcopy(module.state_dict())
    module.load_state_dict(state)
    return Trained(epoch, done, best, best_epoch, cut_short)


def _batches(positions: Indices, schedule: Schedule) -> Iterator[Indices]:
    """All positions in an order by the seed, then all again in another."""
    generator = np.random.default_rng(schedule.seed)
    while True:
        order = generator.permutation(positions)
        for start in range(0, len(order), schedule.batch_size):
            yield order[start : start + schedule.batch_size]


def _optimizer(
    weights: list[nn.Parameter], quantizers: list[nn.Parameter], schedule: Schedule
) -> torch.optim.Optimizer:
    rate = schedule.quantizer_learning_rate
    groups = [
        {"params": weights, "lr": schedule.learning_rate, "weight_decay": schedule.weight_decay},
        {
            "params": quantizers,
            "lr": schedule.learning_rate / 10 if rate is None else rate,
            "weight_decay": 0.0,
        },
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], foreach=False)


def _rate(step: int, total: int) -> float:
    warm_up = max(1, round(total * WARM_UP_SHARE))
    if step < warm_up:
        return (step + 1) / warm_up
    return max(0.02, 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, total - warm_up))))


def answers(
    module: GraphModule, rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]], batch: int = 256
) -> torch.Tensor:
    """Outputs for all rows, without gradients."""
    with torch.no_grad():
        parts = [module(torch.from_numpy(rows[start : start + batch])) for start in range(0, len(rows), batch)]
    return torch.cat(parts) if parts else torch.zeros(0)
