"""Quantized model in, the same model with corrected biases out.

After Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight Equalization and Bias Correction"
(2019), in the empirical form of its appendix: E[y of the float model] - E[y of the quantized one] for each channel, on
real rows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx

from ratchet_runners.data.rows import Inputs
from ratchet_runners.model.graph import Array, Graph, copy_of
from ratchet_runners.quantize.bias.config import CorrectBias
from ratchet_runners.quantize.bias.places import add_to_bias
from ratchet_runners.quantize.counterpart import before_quantization, counterparts
from ratchet_runners.quantize.guard import keep_if_better
from ratchet_runners.quantize.layers import Layer
from ratchet_runners.quantize.stream import calibration_rows, stream
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench

Doubles = npt.NDArray[np.float64]


@technique("correct-bias", CorrectBias)
def correct_bias(config: CorrectBias, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """@throws DataUnusable, ModelUnusable"""
    exact = before_quantization(bench)
    graph = Graph(copy_of(model))
    pairs, notes = counterparts(graph, Graph(exact))
    if not pairs:
        return StepResult(model, refusals=("no quantized layer has a counterpart in floating point", *notes))
    rows = calibration_rows(bench, config.calibration_rows, config.minimum_rows, config.replay_share)
    bench.tell("correct-bias", 0.0, "means in floating point")
    wanted = _means(exact, [pair.original for pair in pairs], rows, bench)
    at_once = _means(model, [pair.layer for pair in pairs], rows, bench) if config.order == "at-once" else {}
    corrected, without, largest = 0, list[str](), 0.0
    started, allowed = time.monotonic(), bench.seconds_left(config.wall_share)
    for number, pair in enumerate(pairs):
        if time.monotonic() - started > allowed:
            notes.append(
                f"cut short by its time limit: {len(pairs) - number} of {len(pairs)} layers were not corrected"
            )
            break
        name = pair.layer.name
        found = at_once[name] if at_once else _means(graph.model, [pair.layer], rows, bench)[name]
        shift = wanted[name] - found
        if add_to_bias(graph, pair, shift):
            graph.sort()
            corrected += 1
            largest = max(largest, float(np.abs(shift).max() / (np.abs(wanted[name]).max() + 1e-12)))
        else:
            without.append(name)
        bench.tell("correct-bias", (number + 1) / len(pairs), f"{number + 1} of {len(pairs)} layers")
    if without:
        notes.append(f"without a bias that could be corrected: {', '.join(without)}")
    figures: dict[str, float | None] = {"layers": float(corrected), "largestShift": largest}
    kept, told, note = keep_if_better(model, graph.model, exact, rows, bench, "bias correction")
    return StepResult(kept, {**figures, **told}, (*notes, *note))


def _means(model: onnx.ModelProto, layers: Sequence[Layer], rows: Inputs, bench: Workbench) -> dict[str, Doubles]:
    """Mean of each output channel over rows and places, by the layer's name."""
    sums = {layer.name: np.zeros(layer.outputs) for layer in layers}
    counts = dict.fromkeys(sums, 0)
    for values in stream(model, [layer.output for layer in layers], rows, bench):
        for layer in layers:
            flat = _by_channel(values[layer.output], layer)
            sums[layer.name] += flat.sum(axis=0, dtype=np.float64)
            counts[layer.name] += len(flat)
    return {name: total / max(1, counts[name]) for name, total in sums.items()}


def _by_channel(value: Array, layer: Layer) -> Array:
    return np.moveaxis(value, layer.channel_axis, -1).reshape(-1, layer.outputs)
