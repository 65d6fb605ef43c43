"""Model in, the same model with row-wise tables out."""

from __future__ import annotations

import onnx

from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.scoring import serialise
from ratchet_runners.quantize.embeddings.config import QuantizeEmbeddings
from ratchet_runners.quantize.embeddings.rewrite import quantize_tables, tables_of
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench


@technique("quantize-embeddings", QuantizeEmbeddings)
def quantize_embeddings(config: QuantizeEmbeddings, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """Works on a model in any form; nothing else of it is touched."""
    bench.tell("embeddings", 0.0, "")
    graph = Graph(copy_of(model))
    tables = tables_of(graph, config.minimum_numbers)
    before = len(serialise(model))
    held = sum(graph.constant(name).nbytes for name in tables)
    figures: dict[str, float | None] = {"tables": float(len(tables)), "tablesShareOfBytes": round(held / before, 4)}
    if not tables:
        reason = f"no table of at least {config.minimum_numbers} numbers is used for look-ups alone"
        return StepResult(model, figures, refusals=(reason,))
    quantize_tables(graph, tables)
    figures["sizeRatio"] = round(len(serialise(graph.model)) / before, 4)
    bench.tell("embeddings", 1.0, "")
    note = f"{', '.join(tables)}: {held / before:.0%} of the model's bytes, now a quarter of that with a scale a row"
    return StepResult(graph.model, figures, (note,))
