"""The smallest weights become zero."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import Graph, attributes_of, copy_of, kind_of
from ratchet_runners.model.scoring import serialise
from ratchet_runners.prune.weights.config import PruneWeights
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench

#: By operator the input that holds weights.
WEIGHTED = {
    "Conv": (1,),
    "ConvTranspose": (1,),
    "Gemm": (1,),
    "MatMul": (0, 1),
    "GRU": (1, 2),
    "LSTM": (1, 2),
    "RNN": (1, 2),
}
#: Metadata of the model that names its sparse constants, for runtimes that look for the pattern.
SPARSITY_KEY = "ratchet.sparsity"
KEPT, OF = 2, 4

Values = npt.NDArray[Any]


@technique("prune-weights", PruneWeights)
def prune_weights(config: PruneWeights, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """Zeroes weights of layers, in place of the same shapes: the time for a row stays as it is.

    @throws ModelUnusable when it has no weights, or a named layer does not exist
    """
    graph = Graph(copy_of(model))
    unknown = set(config.skip_layers) - graph.nodes.keys()
    if unknown:
        raise ModelUnusable("No such layers to skip", sorted(unknown))
    summed = _weights(graph, frozenset(config.skip_layers))
    if not summed:
        return StepResult(model, refusals=("no layer of the model has constant weights",))
    before = serialise(model)
    kept = _two_of_four(graph, summed) if config.pattern == "2:4" else _largest(graph, summed, config)
    notes = ["zeroed weights make no product faster: runtimes multiply by them all the same"]
    for name, mask in kept.items():
        graph.set_constant(name, graph.constant(name) * mask)
    if config.pattern == "2:4":
        left = [name for name in summed if name not in kept]
        if left:
            notes.append(f"{len(left)} weights are not summed over a multiple of {OF}, and stayed as they were")
        entry = graph.model.metadata_props.add()
        entry.key, entry.value = SPARSITY_KEY, f"{config.pattern} {' '.join(kept)}"
    else:
        notes.append("the file has as many bytes as before; only compressed, in storage or transfer, it is smaller")
    total = sum(graph.constant(name).size for name in summed)
    zeros = sum(int((graph.constant(name) == 0).sum()) for name in summed)
    after = serialise(graph.model)
    figures: dict[str, float | None] = {
        "weights": float(total),
        "zeroWeights": float(zeros),
        "speedGain": 0.0,
        "bytes": float(len(after)),
        "compressedBytes": float(len(gzip.compress(after, 6, mtime=0))),
        "compressedBytesBefore": float(len(gzip.compress(before, 6, mtime=0))),
    }
    return StepResult(graph.model, figures, tuple(notes))


def _weights(graph: Graph, skip: frozenset[str]) -> dict[str, int]:
    """Constants that layers multiply by, and the axis that is summed over."""
    found: dict[str, int] = {}
    for node in graph.model.graph.node:
        kind = kind_of(node)
        for position in WEIGHTED.get(kind, ()) if node.name not in skip else ():
            name = node.input[position] if position < len(node.input) else ""
            if name and graph.is_constant(name) and graph.constant(name).ndim > 1:
                found.setdefault(name, _summed_axis(node, kind, position, graph.constant(name).ndim))
    return found


def _summed_axis(node: onnx.NodeProto, kind: str, position: int, rank: int) -> int:
    if kind == "Gemm":
        return 1 if attributes_of(node).get("transB", 0) else 0
    if kind == "MatMul":
        return rank - 2 if position == 1 else rank - 1
    return {"Conv": 1, "ConvTranspose": 0}.get(kind, 2)


def _largest(graph: Graph, names: dict[str, int], config: PruneWeights) -> dict[str, Values]:
    """Masks of the weights with the largest magnitudes; of equal ones the first stay."""
    if config.ranking == "layer":
        return {name: _mask(np.abs(graph.constant(name)), config.ratio) for name in names}
    values = [np.abs(graph.constant(name)) for name in names]
    mask = _mask(np.concatenate([value.ravel() for value in values]), config.ratio)
    parts = np.split(mask, np.cumsum([value.size for value in values])[:-1])
    return {name: part.reshape(value.shape) for name, part, value in zip(names, parts, values, strict=True)}


def _mask(magnitudes: Values, ratio: float) -> Values:
    flat = magnitudes.ravel()
    mask = np.ones(flat.size, dtype=magnitudes.dtype)
    mask[np.argsort(flat[::-1], kind="stable")[: round(flat.size * ratio)] * -1 + flat.size - 1] = 0
    return mask.reshape(magnitudes.shape)


def _two_of_four(graph: Graph, names: dict[str, int]) -> dict[str, Values]:
    """Masks that keep the two largest of every four neighbours along the summed axis (Mishra et al., "Accelerating
    Sparse Deep Neural Networks", 2021)."""
    masks: dict[str, Values] = {}
    for name, axis in names.items():
        value = np.abs(graph.constant(name))
        if value.shape[axis] % OF:
            continue
        last = np.moveaxis(value, axis, -1)
        blocks = last.reshape(-1, OF)
        order = np.argsort(-blocks, axis=1, kind="stable")
        mask = np.zeros_like(blocks)
        np.put_along_axis(mask, order[:, :KEPT], 1, axis=1)
        masks[name] = np.moveaxis(mask.reshape(last.shape), -1, axis)
    return masks
