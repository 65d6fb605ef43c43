"""Float model in, a float model that answers the same and whose weights use their ranges evenly out.

After Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight Equalization and Bias Correction"
(2019): with r1 and r2 the ranges of a channel in the first and the second weight, s = sqrt(r1 * r2) / r2 divides it in
the first and multiplies it in the second, which makes both ranges equal.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx

from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.quantize.equalise.config import Equalise
from ratchet_runners.quantize.equalise.pairs import Pair, pairs_of
from ratchet_runners.quantize.equivalence import require_equivalent
from ratchet_runners.quantize.layers import Layer
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench

Doubles = npt.NDArray[np.float64]

#: Factors nearer to one than this are no reason for another pass.
SETTLED = 1e-3


@technique("equalise", Equalise)
def equalise(config: Equalise, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """@throws ModelUnusable when the answers would change"""
    graph = Graph(copy_of(model))
    pairs, notes = pairs_of(graph)
    if not pairs:
        reason = "no two layers follow each other with nothing but positively homogeneous operators between them"
        return StepResult(model, refusals=(reason, *notes))
    weights: dict[str, Doubles] = {}
    for pair in pairs:
        for layer in (pair.first, pair.second):
            weights[layer.weight] = graph.constant(layer.weight).astype(np.float64)
    uneven = _unevenness(pairs, weights)
    total = {pair.first.name: np.ones(pair.first.outputs) for pair in pairs}
    passes = 0
    while passes < config.iterations:
        passes += 1
        moved = max(_balance(pair, weights, total[pair.first.name], config.largest_factor) for pair in pairs)
        bench.tell("equalise", passes / config.iterations, f"pass {passes}")
        if moved < SETTLED:
            break
    for name, value in weights.items():
        graph.set_constant(name, value.astype(np.float32))
    for pair in pairs:
        _divide_bias(graph, pair.first, total[pair.first.name])
    off = require_equivalent(model, graph.model, bench.rows.input[bench.split.train[:64]], bench, "equalise")
    figures: dict[str, float | None] = {
        "pairs": float(len(pairs)),
        "passes": float(passes),
        "unevennessBefore": uneven,
        "unevennessAfter": _unevenness(pairs, weights),
        "difference": off,
    }
    return StepResult(graph.model, figures, tuple(notes))


def _balance(pair: Pair, weights: dict[str, Doubles], total: Doubles, largest: float) -> float:
    """Evens one pair out, in place; how far the strongest factor is from one."""
    made, taken = _made(pair.first, weights), _taken(pair, weights)
    alive = (made > 1e-12) & (taken > 1e-12)
    factors = np.ones_like(made)
    factors[alive] = np.sqrt(made[alive] / taken[alive])
    factors = np.clip(total * factors, 1 / largest, largest) / total
    total *= factors
    _scale_made(pair.first, weights, 1 / factors)
    _scale_taken(pair, weights, factors)
    return float(np.abs(np.log(factors)).max(initial=0.0))


def _made(layer: Layer, weights: dict[str, Doubles]) -> Doubles:
    """The largest weight of each channel that the layer makes."""
    return np.abs(layer.matrix(weights[layer.weight])).max(axis=2).reshape(-1)


def _by_input(pair: Pair, weights: dict[str, Doubles]) -> Doubles:
    """The second weight as (groups, out of a group, channels that a group takes, whatever each channel meets)."""
    matrix = pair.second.matrix(weights[pair.second.weight])
    channels = pair.first.outputs // pair.second.groups
    return matrix.reshape(matrix.shape[0], matrix.shape[1], channels, -1)


def _taken(pair: Pair, weights: dict[str, Doubles]) -> Doubles:
    """The largest weight that each channel meets."""
    return np.abs(_by_input(pair, weights)).max(axis=(1, 3)).reshape(-1)


def _scale_made(layer: Layer, weights: dict[str, Doubles], factors: Doubles) -> None:
    matrix = layer.matrix(weights[layer.weight])
    weights[layer.weight] = layer.shaped(matrix * factors.reshape(layer.groups, -1, 1))


def _scale_taken(pair: Pair, weights: dict[str, Doubles], factors: Doubles) -> None:
    parts = _by_input(pair, weights)
    scaled = parts * factors.reshape(parts.shape[0], 1, -1, 1)
    weights[pair.second.weight] = pair.second.shaped(scaled)


def _divide_bias(graph: Graph, layer: Layer, factors: Doubles) -> None:
    node = graph.nodes[layer.name]
    if len(node.input) < 3 or not node.input[2]:
        return
    value = graph.constant(node.input[2])
    name = node.input[2]
    if len(graph.consumers(name)) > 1:
        name = graph.fresh_name(f"{name}_even")
        node.input[2] = name
    graph.set_constant(name, (value.reshape(-1) / factors).astype(np.float32).reshape(value.shape))
    graph.reindex()


def _unevenness(pairs: list[Pair], weights: dict[str, Doubles]) -> float:
    """Mean over all weights of log2(largest channel / channel): bits that one scale a weight wastes."""
    wasted: list[float] = []
    for pair in pairs:
        for ranges in (_made(pair.first, weights), _taken(pair, weights)):
            alive = ranges[ranges > 1e-12]
            if len(alive):
                wasted.append(float(np.log2(alive.max() / alive).mean()))
    return float(np.mean(wasted)) if wasted else 0.0
