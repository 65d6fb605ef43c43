"""One training loop for all: batches in a fixed order, a falling rate, the best epoch kept, within a time."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ratchet_runners.data.rows import Indices
from ratchet_runners.engine.module import GraphModule

GRADIENT_NORM = 1.0
WARM_UP_SHARE = 0.1


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


@dataclass(frozen=True)
class Trained:
    epochs: int
    steps: int
    #: Of the epoch whose weights were kept.
    best: float
    best_epoch: int
    cut_short: bool


def train(
    module: GraphModule,
    positions: Indices,
    loss: Callable[[Indices], torch.Tensor],
    score: Callable[[], float],
    schedule: Schedule,
    tell: Callable[[float, str], None],
) -> Trained:
    """Lowers `loss` over `positions`, keeps the weights of the epoch with the highest `score` (the start counts too).

    The order depends on the seed only. Time cuts the work short where it must, and `cut_short` says so.
    """
    generator = np.random.default_rng(schedule.seed)
    steps = max(1, math.ceil(len(positions) / schedule.batch_size))
    total = steps * schedule.epochs
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay, foreach=False
    )
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, total))
    started = time.monotonic()
    best, best_epoch, state = score(), 0, copy.deepcopy(module.state_dict())
    done, epoch, cut_short = 0, 0, False
    while epoch < schedule.epochs and epoch - best_epoch < schedule.patience + 1 and not cut_short:
        epoch += 1
        order = generator.permutation(positions)
        for start in range(0, len(order), schedule.batch_size):
            if time.monotonic() - started > schedule.seconds:
                cut_short = True
                break
            value = loss(order[start : start + schedule.batch_size])
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), GRADIENT_NORM)
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
