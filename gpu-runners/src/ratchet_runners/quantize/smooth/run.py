"""Float model in, a float model that answers the same and loses less by quantization out."""

from __future__ import annotations

import numpy as np
import onnx

from ratchet_runners.data.rows import Inputs
from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.quantize.equivalence import require_equivalent
from ratchet_runners.quantize.layers import Layer, layers_of, shared_weights
from ratchet_runners.quantize.smooth.config import Smooth
from ratchet_runners.quantize.smooth.factors import Doubles, Seen, best_factors, factors, quantization_error
from ratchet_runners.quantize.smooth.fold import changes_before, insert_division
from ratchet_runners.quantize.stream import calibration_rows, stream
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench

#: Rows of an activation that are kept of a batch, to try factors on.
KEPT = 128


@technique("smooth", Smooth)
def smooth(config: Smooth, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """@throws DataUnusable; ModelUnusable when the answers would change"""
    graph = Graph(copy_of(model))
    groups = _groups(graph)
    if not groups:
        return StepResult(model, refusals=("the model has no product with a constant weight whose input has channels",))
    rows = calibration_rows(bench, config.calibration_rows, config.minimum_rows, config.replay_share)
    seen = _seen(model, groups, rows, bench)
    folded = inserted = 0
    alphas: list[float] = []
    before = after = 0.0
    for number, (tensor, layers) in enumerate(groups.items()):
        weights = [layer.matrix(graph.constant(layer.weight))[0].T.astype(np.float64) for layer in layers]
        divisors, alpha = _divisors(config, seen[tensor], weights)
        plain = quantization_error(
            seen[tensor], weights, np.ones_like(seen[tensor].low), config.weight_bits, config.per_channel
        )
        before += plain
        made = divisors is not None and _apply(graph, tensor, layers, divisors, config.insert)
        if divisors is not None and alpha is not None and made:
            alphas.append(alpha)
            folded, inserted = folded + (made == "folded"), inserted + (made == "inserted")
            after += quantization_error(seen[tensor], weights, divisors, config.weight_bits, config.per_channel)
        else:
            after += plain
        bench.tell("smooth", (number + 1) / len(groups), f"{number + 1} of {len(groups)} activations")
    graph.drop_unused_constants()
    graph.sort()
    off = require_equivalent(model, graph.model, rows[:64], bench, "smooth")
    figures: dict[str, float | None] = {
        "activations": float(len(groups)),
        "folded": float(folded),
        "inserted": float(inserted),
        "meanAlpha": float(np.mean(alphas)) if alphas else None,
        "errorRatio": after / before if before > 0 else None,
        "difference": off,
    }
    notes = () if alphas else ("nothing was smoothed: no product would lose less by it",)
    return StepResult(graph.model, figures, notes)


def _groups(graph: Graph) -> dict[str, list[Layer]]:
    """Products by the tensor that they share as input; those with weights of their own alone."""
    layers = layers_of(graph)
    shared = shared_weights(layers, graph)
    found: dict[str, list[Layer]] = {}
    for layer in layers:
        if layer.kind == "Conv" or layer.dequantize or layer.attributes.get("transA"):
            continue
        if layer.weight not in shared:
            found.setdefault(layer.activation, []).append(layer)
    return found


def _seen(model: onnx.ModelProto, groups: dict[str, list[Layer]], rows: Inputs, bench: Workbench) -> dict[str, Seen]:
    found: dict[str, Seen] = {}
    for number, values in enumerate(stream(model, list(groups), rows, bench)):
        for tensor, layers in groups.items():
            flat = values[tensor].reshape(-1, values[tensor].shape[-1])
            low, high = flat.min(axis=0).astype(np.float64), flat.max(axis=0).astype(np.float64)
            if tensor not in found:
                found[tensor] = Seen(low, high, [])
            one = found[tensor]
            one.low, one.high = np.minimum(one.low, low), np.maximum(one.high, high)
            one.rows.append(layers[0].columns(values[tensor], bench.seed + number, KEPT)[0])
    return found


def _divisors(config: Smooth, seen: Seen, weights: list[Doubles]) -> tuple[Doubles | None, float | None]:
    if config.alpha is not None:
        return factors(seen.largest, weights, config.alpha), config.alpha
    return best_factors(seen, weights, config.weight_bits, config.per_channel, config.minimum_gain)


def _apply(graph: Graph, tensor: str, layers: list[Layer], divisors: Doubles, insert: bool) -> str:
    """Divides the tensor's channels and multiplies the weights; says how, or "" where nothing may be done."""
    names = [layer.name for layer in layers]
    changes = changes_before(graph, tensor, len(divisors), set(names))
    if changes is None and not insert:
        return ""
    for layer in layers:
        matrix = layer.matrix(graph.constant(layer.weight)).astype(np.float64) * divisors
        graph.set_constant(layer.weight, layer.shaped(matrix).astype(np.float32))
    if changes is None:
        insert_division(graph, tensor, names, divisors)
        return "inserted"
    for change in changes:
        change(divisors)
    return "folded"
