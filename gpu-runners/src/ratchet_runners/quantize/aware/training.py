"""Trains a module with Q/DQ pairs by a lesson; shared by the steps that do so."""

from __future__ import annotations

import torch

from ratchet_runners.data.rows import Indices
from ratchet_runners.engine.quantized import QuantizedModule
from ratchet_runners.engine.quantized_function import Compensation
from ratchet_runners.engine.train import Schedule, Trained, train
from ratchet_runners.quantize.aware.config import FakeQuantized
from ratchet_runners.quantize.aware.lesson import Lesson
from ratchet_runners.quantize.aware.ranges import MovingRanges
from ratchet_runners.workbench import Workbench


def train_quantized(
    module: QuantizedModule, config: FakeQuantized, lesson: Lesson, seconds: float, step: str, bench: Workbench
) -> Trained:
    """Trains within `seconds`, and leaves the module in the state that was best at the weights' own widths."""
    ranges = MovingRanges(module, config.averaging)
    following = {"learned": config.warm_up, "ema": 1.0, "fixed": 0.0}[config.scales]
    for parameter in module.quantizer_parameters:
        parameter.requires_grad_(config.scales == "learned")
    module.compensation = Compensation(
        config.gradient_compensation, config.compensation_strength, config.training_batch
    )
    module.train()

    def begin(done: int, total: int) -> None:
        module.width = width_at(config, done, total)
        follows = done < following * total
        if follows and module.watch is not None:
            ranges.place()
        module.watch = ranges.watch if follows else None

    def loss(batch: Indices) -> torch.Tensor:
        return lesson.loss(module, batch)

    def score() -> float:
        module.width = 0
        return lesson.score(module)

    every = min(config.evaluate_every, config.steps)
    trained = train(
        module,
        lesson.training,
        loss,
        score,
        Schedule(
            epochs=max(1, round(config.steps / every)),
            batch_size=config.training_batch,
            learning_rate=config.learning_rate,
            weight_decay=0.0,
            patience=_patience(config, every),
            seconds=seconds,
            seed=bench.seed,
            epoch_steps=every,
            quantizer_learning_rate=config.quantizer_learning_rate,
            quantizer_gradient_norm=config.quantizer_gradient_norm,
        ),
        lambda fraction, message: bench.tell(step, fraction, message),
        begin,
    )
    module.width, module.watch = 0, None
    module.eval()
    return trained


def width_at(config: FakeQuantized, done: int, total: int) -> int:
    """Bits that narrower weights are trained at in this step; 0: each at its own."""
    widths = config.progressive_widths
    stage = int(done / max(1.0, config.progressive_share * total) * len(widths)) if widths else 0
    return widths[stage] if stage < len(widths) else 0


def _patience(config: FakeQuantized, every: int) -> int:
    """Evaluations at wider widths than the weights' own are no reason to stop."""
    early = config.progressive_share * config.steps / every if config.progressive_widths else 0.0
    return config.patience + round(early)


def figures_of(trained: Trained, lesson: Lesson) -> dict[str, float | None]:
    return {
        "rows": float(len(lesson.training)),
        "labelledRows": float(lesson.labelled_rows),
        "steps": float(trained.steps),
        "evaluations": float(trained.epochs),
        "bestEvaluation": float(trained.best_epoch),
        "selectionLoss": -trained.best,
    }
