"""Model in, the same model with dynamic integer products out. Needs rows only to prove that nothing else changed."""

from __future__ import annotations

import onnx

from ratchet_runners.model.graph import Graph
from ratchet_runners.model.normalise import normalise
from ratchet_runners.quantize.dynamic.config import QuantizeDynamic
from ratchet_runners.quantize.dynamic.place import dynamic_nodes, place_dynamic
from ratchet_runners.quantize.embeddings.rewrite import quantize_tables, tables_of
from ratchet_runners.quantize.static.layers import pinned_nodes
from ratchet_runners.quantize.static.stored import storable, store
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench

SMALLEST_TABLE = 2048


@technique("quantize-dynamic", QuantizeDynamic)
def quantize_dynamic(config: QuantizeDynamic, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """@throws ModelUnusable"""
    bench.tell("dynamic", 0.0, "")
    plain = normalise(model, bench.rows.input[bench.split.train[:32]], bench.contract, bench.threads)
    candidates = dynamic_nodes(plain, config.recurrent)
    pinned = pinned_nodes(plain, config.pins, candidates)
    nodes = [name for name in candidates if name not in pinned]
    graph = Graph(plain)
    others = [node.name for node in plain.graph.node if node.name not in candidates]
    rest = storable(graph, others) if config.rest == "stored" else {}
    tables = tables_of(graph, SMALLEST_TABLE) if config.embeddings else []
    figures: dict[str, float | None] = {
        "quantizedNodes": float(len(nodes)),
        "storedWeights": float(len(rest)),
        "tables": float(len(tables)),
    }
    if not nodes:
        reason = "no matrix product with a constant weight is there, and dynamic convolutions are slower than floats"
        return StepResult(plain, figures, refusals=(reason,))
    graph = Graph(place_dynamic(plain, nodes, config.per_channel, bench.hardware.reduce_range))
    if rest:
        store(graph, rest, 8, "min-max")
    if tables:
        quantize_tables(graph, tables)
    notes: list[str] = []
    convolutions = sum(node.op_type == "Conv" for node in plain.graph.node)
    if convolutions:
        notes.append(f"{convolutions} convolutions compute in floating point: dynamic ones would be slower")
    bench.tell("dynamic", 1.0, "")
    return StepResult(graph.model, figures, tuple(notes))
