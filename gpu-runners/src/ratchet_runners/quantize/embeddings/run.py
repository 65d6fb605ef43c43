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
    odd = [name for name in tables if config.bits == 4 and graph.constant(name).shape[1] % 2]
    quantize_tables(graph, [name for name in tables if name not in odd], config.bits)
    quantize_tables(graph, odd)
    figures["sizeRatio"] = round(len(serialise(graph.model)) / before, 4)
    bench.tell("embeddings", 1.0, "")
    part = "a quarter" if config.bits == 8 else "an eighth"
    notes = [f"{', '.join(tables)}: {held / before:.0%} of the model's bytes, now {part} of that with a scale a row"]
    if odd:
        notes.append(f"{', '.join(odd)}: eight bits, since an odd number of columns cannot share bytes")
    return StepResult(graph.model, figures, tuple(notes))
