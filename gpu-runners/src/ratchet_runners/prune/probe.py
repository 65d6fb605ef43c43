"""Sizes of all tensors, by letting ONNX Runtime make them once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper

from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.scoring import serialise, session_of

#: Rows of the probe: a number that layers seldom have, so that the batch is not taken for something else.
BATCH = 3
#: For other dimensions that the graph leaves free.
FREE = 7


@dataclass(frozen=True)
class Probe:
    sizes: dict[str, tuple[int, ...]]
    batch: int


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
    problem: ModelUnusable | None = None
    for batch in (BATCH, 1):
        feeds = _zeros(graph, batch)
        try:
            values: list[Any] = list(session.run(wanted, feeds))
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            problem = ModelUnusable("The model does not run on a small batch", [str(error).strip()])
            continue
        sizes: dict[str, tuple[int, ...]] = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
        for name, value in [*zip(wanted, values, strict=True), *feeds.items()]:
            # Sequences and the like have no shape; whatever makes or takes them is not known to pruning.
            sizes[name] = tuple(int(length) for length in getattr(value, "shape", ()))
        return Probe(sizes, batch)
    assert problem is not None
    raise problem


def _zeros(graph: Graph, batch: int) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
    feeds: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = {}
    for value in graph.model.graph.input:
        if graph.is_constant(value.name):
            continue
        tensor = value.type.tensor_type
        shape = [
            size.dim_value if size.HasField("dim_value") else (FREE if position else batch)
            for position, size in enumerate(tensor.shape.dim)
        ]
        feeds[value.name] = np.zeros(shape, helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    return feeds
