"""A smaller student out of the source's own graph: residual blocks left out where the answers suffer least."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import onnx

from ratchet_runners.data.rows import Inputs
from ratchet_runners.distil.cuts import cut_tensors
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.probe import probed_shapes
from ratchet_runners.model.scoring import score
from ratchet_runners.workbench import Workbench

#: What a skip may pass through on its way to the sum.
PASSING = frozenset({"Identity", "QuantizeLinear", "DequantizeLinear"})


@dataclass(frozen=True)
class Block:
    """What lies between two tensors of equal shape, one of which is added to what becomes of it."""

    start: str
    end: str


@dataclass(frozen=True)
class Shallower:
    model: onnx.ModelProto
    #: Ends of the blocks that were left out, in the order in which they went.
    dropped: tuple[str, ...]
    blocks: int


def residual_blocks(model: onnx.ModelProto, bench: Workbench) -> list[Block]:
    """Blocks that can be left out without changing a shape, in the graph's order."""
    graph = Graph(copy_of(model))
    output = bench.contract.output.name
    cuts = cut_tensors(graph, output)
    shapes = probed_shapes(model, cuts, bench.rows.input[:2], bench)
    return [
        Block(start, end)
        for start, end in pairwise(cuts)
        if end != output
        and start in shapes
        and shapes.get(end) == shapes[start]
        and _adds_its_start(graph, Block(start, end))
    ]


def without_block(model: onnx.ModelProto, block: Block) -> onnx.ModelProto:
    """The model in which whatever took the block's end takes its start; what nothing needs any more is gone."""
    graph = Graph(copy_of(model))
    for node in graph.consumers(block.end):
        graph.rename_input(node, block.end, block.start)
    while unused := [node for node in graph.nodes.values() if not _is_used(node, graph)]:
        graph.remove(unused)
    graph.drop_unused_constants()
    return graph.model


def shallower(
    model: onnx.ModelProto, keep: float, rows: int, bench: Workbench, tell: Callable[[float], None]
) -> Shallower:
    """Leaves out residual blocks, one after another that one without which the answers differ least (mean squared
    difference of centred logits on training rows), until the share `keep` is left.

    @throws ModelUnusable where there is no block, or none is to go
    """
    blocks = residual_blocks(model, bench)
    to_drop = min(len(blocks), max(1, round(len(blocks) * (1 - keep))))
    if not to_drop:
        raise ModelUnusable(
            f"No shallower student can be derived: {len(blocks)} residual blocks have equal shapes at both ends, "
            f"and {keep:.0%} of them are to stay",
            ["name a student, or derive by width"],
        )
    inputs = bench.rows.input[np.sort(bench.split.train[:rows])]
    wanted = _centred(model, inputs, bench)
    dropped: list[str] = []
    total = sum(len(blocks) - done for done in range(to_drop))
    for _ in range(to_drop):
        trials = [without_block(model, block) for block in residual_blocks(model, bench)]
        errors: list[float] = []
        for trial in trials:
            errors.append(float(np.square(_centred(trial, inputs, bench) - wanted).mean()))
            tell(min(1.0, (len(errors) + len(dropped) * len(blocks)) / max(1, total)))
        best = int(np.argmin(errors))
        dropped.append(residual_blocks(model, bench)[best].end)
        model = trials[best]
    return Shallower(model, tuple(dropped), len(blocks))


def _centred(
    model: onnx.ModelProto, inputs: Inputs, bench: Workbench
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    answers = score(model, inputs, bench.contract, bench.threads).reshape(len(inputs), -1).astype(np.float64)
    return answers if answers.shape[1] == 1 else answers - answers.mean(axis=1, keepdims=True)


def _adds_its_start(graph: Graph, block: Block) -> bool:
    """Whether the block's end is a sum of its start with something, perhaps behind an activation or a normalisation."""
    same = _same_as(graph, block.start)
    found: list[str] = [block.end]
    seen: set[str] = set()
    while found:
        name = found.pop()
        if name in seen or name == block.start:
            continue
        seen.add(name)
        node = graph.producer(name)
        if node is None:
            continue
        if node.op_type in ("Add", "Sum") and any(taken in same for taken in node.input):
            # A constant on the other side, e.g. the embedding of positions, is no block.
            return not any(graph.is_constant(taken) for taken in node.input) and _has_weights(graph, block)
        found.extend(taken for taken in node.input if taken)
    return False


def _same_as(graph: Graph, name: str) -> set[str]:
    same, waiting = {name}, [name]
    while waiting:
        for node in graph.consumers(waiting.pop()):
            if node.op_type in PASSING and node.output[0] not in same:
                same.add(node.output[0])
                waiting.append(node.output[0])
    return same


def _has_weights(graph: Graph, block: Block) -> bool:
    """Whether anything is learned between start and end."""
    waiting: Sequence[str] = [block.end]
    seen: set[str] = set()
    while waiting:
        nodes = {node.name: node for name in waiting if (node := graph.producer(name)) is not None}
        taken = [name for node in nodes.values() for name in node.input if name and name not in seen]
        if any(graph.is_constant(name) and graph.constant(name).ndim >= 2 for name in taken):
            return True
        seen.update(taken)
        waiting = [name for name in taken if name != block.start]
    return False


def _is_used(node: onnx.NodeProto, graph: Graph) -> bool:
    return any(name and (name in graph.outputs or graph.consumers(name)) for name in node.output)
