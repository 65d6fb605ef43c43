"""Sizes of all tensors, by letting ONNX Runtime make them once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper

from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.scoring import serialise, session_of

Sizes = dict[str, tuple[int, ...]]

#: Lengths of a free first dimension and of other free ones: numbers that layers seldom have, so that none is taken for
#: something else. The first that works is used.
FIRST = ((3, 7), (1, 7))
#: What tells lengths that follow the batch, or another free dimension, from those that do not.
OTHERS = ((2, 7), (3, 5))


@dataclass(frozen=True)
class Probe:
    sizes: Sizes
    batch: int
    #: The same with other lengths of the free dimensions, as far as the model runs with them.
    others: tuple[Sizes, ...] = ()


def probe(model: onnx.ModelProto) -> Probe:
    """Shapes that tensors have for one small batch of zeros (whose answers nobody looks at).

    Shape inference would not do: it stops at the first shape that a graph computes.
    @throws ModelUnusable when the model does not run
    """
    graph = Graph(copy_of(model))
    wanted = [name for node in graph.model.graph.node for name in node.output if name]
    outputs = set(graph.outputs)
    graph.model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted if name not in outputs)
    session = session_of(serialise(graph.model), 1)
    problem = ""
    for batch, free in FIRST:
        try:
            sizes = _sizes(session, graph, wanted, batch, free)
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            problem = str(error).strip()
            continue
        return Probe(sizes, batch, tuple(_others(session, graph, wanted)))
    raise ModelUnusable("The model does not run on a small batch", [problem])


def _others(session: Any, graph: Graph, wanted: Sequence[str]) -> list[Sizes]:
    found: list[Sizes] = []
    for batch, free in OTHERS:
        try:
            found.append(_sizes(session, graph, wanted, batch, free))
        except Exception:
            continue
    return found


def _sizes(session: Any, graph: Graph, wanted: Sequence[str], batch: int, free: int) -> Sizes:
    feeds: dict[str, Any] = {}
    for value in graph.model.graph.input:
        if graph.is_constant(value.name):
            continue
        tensor = value.type.tensor_type
        shape = [
            size.dim_value if size.HasField("dim_value") else (free if position else batch)
            for position, size in enumerate(tensor.shape.dim)
        ]
        feeds[value.name] = np.zeros(shape, helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    values = session.run(list(wanted), feeds)
    sizes: Sizes = {tensor.name: tuple(tensor.dims) for tensor in graph.model.graph.initializer}
    for name, value in [*zip(wanted, values, strict=True), *feeds.items()]:
        # Sequences and the like have no shape; whatever makes or takes them is not known to pruning.
        sizes[name] = tuple(int(length) for length in getattr(value, "shape", ()))
    return sizes
