"""Model in, the same model with row-wise tables out."""

from __future__ import annotations

import onnx

from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.lifting import lifted
from ratchet_runners.model.scoring import serialise
from ratchet_runners.quantize.embeddings.config import QuantizeEmbeddings
from ratchet_runners.quantize.embeddings.rewrite import NIBBLES_OPSET, quantize_tables, tables_of
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench


@technique("quantize-embeddings", QuantizeEmbeddings)
def quantize_embeddings(config: QuantizeEmbeddings, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """Works on a model in any form; nothing else of it is touched.

    @throws ModelUnusable when four bits are asked for and the model cannot be lifted to the operator set that they need
    """
    bench.tell("embeddings", 0.0, "")
    graph = Graph(copy_of(model if config.bits == 8 else lifted(model, NIBBLES_OPSET)))
    tables = tables_of(graph, config.minimum_numbers)
    before = len(serialise(model))
    held = sum(graph.constant(name).nbytes for name in tables)
    figures: dict[str, float | None] = {"tables": float(len(tables)), "tablesShareOfBytes": round(held / before, 4)}
    if not tables:
        reason = f"no table of at least {config.minimum_numbers} numbers is used for look-ups alone"
        return StepResult(model, figures, refusals=(reason,))
    # Two numbers share a byte within a row, so an odd number of columns keeps eight bits.
    halved = [name for name in tables if config.bits == 4 and graph.constant(name).shape[1] % 2 == 0]
    whole = [name for name in tables if name not in halved]
    why = "" if config.bits == 8 else ", since an odd number of columns cannot share bytes"
    notes: list[str] = []
    for names, part in ((halved, "an eighth of that"), (whole, f"a quarter of that{why}")):
        if names:
            share = sum(graph.constant(name).nbytes for name in names) / before
            notes.append(f"{', '.join(names)}: {share:.0%} of the model's bytes, with a scale a row now {part}")
    quantize_tables(graph, halved, 4)
    quantize_tables(graph, whole)
    figures["sizeRatio"] = round(len(serialise(graph.model)) / before, 4)
    bench.tell("embeddings", 1.0, "")
    return StepResult(graph.model, figures, tuple(notes))
