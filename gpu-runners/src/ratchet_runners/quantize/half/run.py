"""Model in, the same model in FP16 out."""

from __future__ import annotations

import numpy as np
import onnx

from ratchet_runners.data.rows import Inputs
from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.normalise import normalise
from ratchet_runners.model.scoring import score, serialise
from ratchet_runners.quantize.calibration.observing import float_tensors, observe
from ratchet_runners.quantize.half.config import QuantizeHalf
from ratchet_runners.quantize.half.convert import in_half
from ratchet_runners.quantize.mixed.sensitivity import selection_rows
from ratchet_runners.quantize.static.stored import FEWEST, HALF_LIMIT, store
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench

#: Rows on which an FP16 model must answer with finite numbers.
CHECKED_ROWS = 128
#: Above this a number stands for infinity, as in masks of attention.
MASK = 1e30
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
        beyond = _beyond_half(plain, rows, bench)
        if beyond:
            return StepResult(plain, {}, tuple(notes), (_overflow(beyond),))
        made = in_half(plain, config.keep)
    figures: dict[str, float | None] = {"sizeRatio": round(len(serialise(made)) / len(serialise(plain)), 4)}
    if not np.isfinite(score(made, rows, bench.contract, bench.threads)).all():
        return StepResult(
            plain, figures, tuple(notes), ("in FP16 it answers real rows with numbers that are not finite",)
        )
    bench.tell("half", 1.0, "")
    return StepResult(made, figures, tuple(notes))


def _beyond_half(plain: onnx.ModelProto, rows: Inputs, bench: Workbench) -> list[str]:
    """Tensors that FP16 cannot hold. A CPU would not show it: it computes in FP32 whatever the types say.

    Magnitudes above `MASK` are meant to be endless; FP16's largest number does as well for them.
    """
    tensors = float_tensors(plain, [node.name for node in plain.graph.node])

    def tell(fraction: float, message: str) -> None:
        bench.tell("half", 0.5 * fraction, message)

    seen = observe(plain, bench.contract.input.name, tensors, rows, 32, False, bench.threads, tell)
    largest = {name: max(-found.low, found.high) for name, found in seen.items()}
    return [name for name, value in largest.items() if HALF_LIMIT < value < MASK]


def _overflow(tensors: list[str]) -> str:
    return (
        f"on real rows {', '.join(tensors[:5])} exceed {HALF_LIMIT:.0f}, the largest number of FP16; use scope weights"
    )


def _large_constants(graph: Graph) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for name in graph.constant_names:
        value = graph.constant(name)
        if value.dtype == np.float32 and value.size >= FEWEST and graph.consumers(name):
            found[name] = None
    return found
