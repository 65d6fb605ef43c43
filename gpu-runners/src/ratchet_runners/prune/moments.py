"""Closed-form repair after a removal: each layer's outputs get the mean and spread again that they had."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from ratchet_runners.data.rows import Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.scoring import serialise, session_of
from ratchet_runners.prune.biased import Layer, biased_layers, with_biases
from ratchet_runners.prune.groups import Structure
from ratchet_runners.prune.surgery import Gone, Removal, gone_atoms

Values = npt.NDArray[np.float64]

BATCH = 32
#: A channel is scaled at most by this factor, up or down: one that hardly varies any more has lost what it carried.
LARGEST_SCALE = 4.0


@dataclass(frozen=True)
class Repair:
    model: onnx.ModelProto
    #: Layers that were matched, of all that could be.
    matched: int
    layers: int


@dataclass(frozen=True)
class Moments:
    """Of each channel over rows and positions."""

    mean: Values
    deviation: Values


def match_moments(
    pruned: onnx.ModelProto,
    structure: Structure,
    removal: Removal,
    rows: Inputs,
    contract: ModelContract,
    threads: int,
    seconds: float = float("inf"),
    tell: Callable[[float], None] | None = None,
) -> Repair:
    """Scales and shifts the outputs of every layer of `pruned`, which is `structure.model` without `removal`.

    Layers are taken in their order, so that each sees what the repair of those before it left. Needs no labels and no
    gradients; streamed over `rows`. What the time does not allow stays as it is.
    @throws ModelUnusable when a model cannot answer
    """
    gone = gone_atoms(structure, removal)
    graph = Graph(copy_of(pruned))
    with_biases(graph)
    layers = [layer for layer in biased_layers(graph) if layer.output in structure.trace.probe.sizes]
    wanted = _moments(structure.model, [(layer.output, layer.axis) for layer in layers], rows, contract, threads)
    started = time.monotonic()
    matched = 0
    for number, layer in enumerate(layers):
        if time.monotonic() - started > seconds:
            break
        kept = _kept(structure, layer, gone)
        target = Moments(wanted[number].mean[kept], wanted[number].deviation[kept])
        (found,) = _moments(graph.model, [(layer.output, layer.axis)], rows, contract, threads)
        _adjust(graph, layer, found, target)
        matched += 1
        if tell:
            tell((number + 1) / len(layers))
    return Repair(graph.model, matched, len(layers))


def _kept(structure: Structure, layer: Layer, gone: Gone) -> npt.NDArray[np.bool_]:
    """Which channels of the layer's output are left."""
    labels = structure.trace.of(layer.output)[layer.axis]
    if labels is None:
        return np.ones(structure.trace.size(layer.output)[layer.axis], dtype=np.bool_)
    return ~gone[labels]


def _adjust(graph: Graph, layer: Layer, found: Moments, target: Moments) -> None:
    """y' = (y - mean) * scale + mean', folded into weight and bias: (W x + b) becomes (s W) x + (s (b - m) + m')."""
    floor = 1e-6 * (1e-12 + target.deviation.max(initial=0.0))
    scale = np.where(found.deviation > floor, target.deviation / np.maximum(found.deviation, floor), 1.0)
    scale = np.where(target.deviation > floor, np.clip(scale, 1 / LARGEST_SCALE, LARGEST_SCALE), 1.0)
    weight = graph.constant(layer.weight)
    shape = [1] * weight.ndim
    shape[layer.weight_axis] = len(scale)
    graph.set_constant(layer.weight, (weight * scale.reshape(shape)).astype(weight.dtype))
    assert layer.bias is not None
    bias = graph.constant(layer.bias)
    graph.set_constant(layer.bias, ((bias - found.mean) * scale + target.mean).astype(bias.dtype))


def _moments(
    model: onnx.ModelProto, places: list[tuple[str, int]], rows: Inputs, contract: ModelContract, threads: int
) -> list[Moments]:
    """Mean and standard deviation of each channel of tensors, in one pass."""
    tapped = _up_to(model, [name for name, _ in places])
    session = session_of(serialise(tapped), threads)
    sums: list[Values | None] = [None] * len(places)
    squares: list[Values | None] = [None] * len(places)
    counts = [0] * len(places)
    names = list(dict.fromkeys(name for name, _ in places))
    for start in range(0, len(rows), BATCH):
        batch = np.ascontiguousarray(rows[start : start + BATCH])
        answers: list[Any] = list(session.run(names, {contract.input.name: batch}))
        made = dict(zip(names, answers, strict=True))
        for number, (name, axis) in enumerate(places):
            value = np.moveaxis(made[name], axis, -1)
            flat = value.reshape(-1, value.shape[-1]).astype(np.float64)
            total, square = flat.sum(axis=0), (flat**2).sum(axis=0)
            before, before_square = sums[number], squares[number]
            sums[number] = total if before is None else before + total
            squares[number] = square if before_square is None else before_square + square
            counts[number] += len(flat)
    found: list[Moments] = []
    for total, square, count in zip(sums, squares, counts, strict=True):
        assert total is not None
        assert square is not None
        mean = total / count
        found.append(Moments(mean, np.sqrt(np.maximum(square / count - mean**2, 0.0))))
    return found


def _up_to(model: onnx.ModelProto, names: list[str]) -> onnx.ModelProto:
    """The part of a model that makes these tensors."""
    made = copy_of(model)
    del made.graph.output[:]
    made.graph.output.extend(onnx.ValueInfoProto(name=name) for name in dict.fromkeys(names))
    needed = set(names)
    kept: list[onnx.NodeProto] = []
    for node in reversed(model.graph.node):
        if not needed.isdisjoint(node.output):
            needed.update(node.input)
            kept.append(node)
    del made.graph.node[:]
    made.graph.node.extend(reversed(kept))
    Graph(made).drop_unused_constants()
    return made
