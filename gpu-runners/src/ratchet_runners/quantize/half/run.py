"""Model in, the same model in FP16 out."""

from __future__ import annotations

import numpy as np
import onnx

from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.normalise import normalise
from ratchet_runners.model.scoring import score, serialise
from ratchet_runners.quantize.half.config import QuantizeHalf
from ratchet_runners.quantize.half.convert import in_half
from ratchet_runners.quantize.mixed.sensitivity import selection_rows
from ratchet_runners.quantize.static.stored import FEWEST, HALF_LIMIT, store
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench

#: Rows on which an FP16 model must answer with finite numbers.
CHECKED_ROWS = 128
NO_SPEED = "on a CPU FP16 gains no speed: it is computed as FP32"


@technique("quantize-half", QuantizeHalf)
def quantize_half(config: QuantizeHalf, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """@throws ModelUnusable"""
    bench.tell("half", 0.0, "")
    rows = selection_rows(bench, CHECKED_ROWS)
    plain = normalise(model, rows[:32], bench.contract, bench.threads)
    notes = [NO_SPEED]
    if config.scope == "weights":
        graph = Graph(copy_of(plain))
        large = _large_constants(graph)
        stored = store(graph, large, 16, "min-max")
        notes += [
            f"{name} stays in FP32: it has magnitudes above {HALF_LIMIT:.0f}" for name in large if name not in stored
        ]
        made = graph.model
    else:
        made = in_half(plain, config.keep)
    figures: dict[str, float | None] = {"sizeRatio": round(len(serialise(made)) / len(serialise(plain)), 4)}
    if not np.isfinite(score(made, rows, bench.contract, bench.threads)).all():
        reason = (
            "in FP16 it answers real rows with numbers that are not finite: something within exceeds "
            f"{HALF_LIMIT:.0f}; name the operators where that happens in `keep`, or use scope weights"
        )
        return StepResult(plain, figures, tuple(notes), (reason,))
    bench.tell("half", 1.0, "")
    return StepResult(made, figures, tuple(notes))


def _large_constants(graph: Graph) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for name in graph.constant_names:
        value = graph.constant(name)
        if value.dtype == np.float32 and value.size >= FEWEST and graph.consumers(name):
            found[name] = None
    return found
