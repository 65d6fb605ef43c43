"""Quantized model in, the same model with better rounded weights out."""

from __future__ import annotations

import time

import numpy as np
import onnx

from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.quantize.bias.places import add_to_bias
from ratchet_runners.quantize.counterpart import Counterpart, before_quantization, counterparts
from ratchet_runners.quantize.guard import keep_if_better
from ratchet_runners.quantize.rounding.adaround import Grid, round_adaptively
from ratchet_runners.quantize.rounding.config import RoundAdaptively
from ratchet_runners.quantize.rounding.objective import objective_of
from ratchet_runners.quantize.stream import calibration_rows
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench


@technique("round-adaptively", RoundAdaptively)
def round_weights(config: RoundAdaptively, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """@throws DataUnusable, ModelUnusable"""
    exact = before_quantization(bench)
    graph = Graph(copy_of(model))
    pairs, notes = counterparts(graph, Graph(exact))
    pairs = [pair for pair in pairs if pair.layer.name not in config.exclude]
    if not pairs:
        return StepResult(model, refusals=("no quantized layer has a counterpart in floating point", *notes))
    rows = calibration_rows(bench, config.calibration_rows, config.minimum_rows, config.replay_share)
    before = after = 0.0
    changed = total = 0
    started, allowed = time.monotonic(), bench.seconds_left(config.wall_share)
    for number, pair in enumerate(pairs):
        if time.monotonic() - started > allowed:
            notes.append(
                f"cut short by its time limit: {len(pairs) - number} of {len(pairs)} layers keep their rounding"
            )
            break
        # Nothing is added here, but a layer without a bias gets one of zeros.
        biased = config.correct_bias and add_to_bias(graph, pair, np.zeros(pair.layer.outputs))
        graph.sort()
        objective = objective_of(pair, exact, graph.model, rows, config.damping, biased, bench)
        matrices = [pair.layer.matrix(part) for part in (pair.integers, pair.weight, pair.scale, pair.zero)]
        integers, weight, scale, zero = matrices
        grid = Grid(scale, zero, *pair.limits)
        made = round_adaptively(integers, weight, grid, objective, config)
        power = max(float(objective.constant.sum()), 1e-30)
        before += float(objective.loss(grid.value(integers)).sum()) / power
        after += float(objective.loss(grid.value(made)).sum()) / power
        changed, total = changed + int((made != integers).sum()), total + made.size
        _write(graph, pair, made)
        if biased:
            add_to_bias(graph, pair, objective.shift(grid.value(made)).reshape(-1) * pair.layer.scale())
        bench.tell("round-adaptively", (number + 1) / len(pairs), f"{number + 1} of {len(pairs)} layers")
    figures: dict[str, float | None] = {
        "layers": float(len(pairs)),
        "changedShare": changed / total if total else None,
        "lossOverNearest": after / before if before > 0 else None,
    }
    kept, told, note = keep_if_better(model, graph.model, exact, rows, bench, "rounding")
    return StepResult(kept, {**figures, **told}, (*notes, *note))


def _write(graph: Graph, pair: Counterpart, integers: np.ndarray) -> None:
    """Puts integers back under the same name and type; four-bit types stay four-bit types."""
    kind = graph.constant(pair.layer.weight).dtype
    graph.set_constant(pair.layer.weight, pair.layer.shaped(integers).astype(kind))
