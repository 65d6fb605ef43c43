"""Model in, the same model with fewer bits a weight out."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from ratchet_runners.data.rows import Inputs
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import Graph, copy_of, opset_of
from ratchet_runners.model.lifting import BLOCKS_OPSET, lifted
from ratchet_runners.model.scoring import score, serialise
from ratchet_runners.quantize.equivalence import output_error, require_equivalent
from ratchet_runners.quantize.layers import Layer, layers_of, shared_weights
from ratchet_runners.quantize.stream import SecondMoments, calibration_rows, second_moments, stream
from ratchet_runners.quantize.weights.config import QuantizeWeights
from ratchet_runners.quantize.weights.levels import Blocks, Books, Doubles
from ratchet_runners.quantize.weights.round import Encoded, encode
from ratchet_runners.quantize.weights.store import as_dequantize, as_product, as_stored
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench

#: Rows of a product above which ONNX Runtime's dynamic eight-bit products were faster than packed four-bit ones.
FEW_TOKENS = 16


@dataclass(frozen=True)
class Done:
    layer: Layer
    encoded: tuple[Encoded, ...]


@technique("quantize-weights", QuantizeWeights)
def quantize_weights(config: QuantizeWeights, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """@throws DataUnusable, ModelUnusable"""
    chosen, left = _chosen(config, Graph(model))
    if not chosen:
        return StepResult(model, refusals=("no layer has a weight that could be held in fewer bits", *left))
    rows = (
        calibration_rows(bench, config.calibration_rows, config.minimum_rows, config.replay_share)
        if config.looks_at_data
        else bench.rows.input[bench.split.train[:32]]
    )
    lifted = _lifted(config, model, chosen, rows, bench)
    moments = second_moments(lifted, chosen, rows, bench) if config.looks_at_data else {}
    graph = Graph(copy_of(lifted))
    done: list[Done] = []
    late: list[str] = []
    started, allowed = time.monotonic(), bench.seconds_left(config.wall_share)
    for position, layer in enumerate(chosen):
        hurried = config.algorithm == "gptq" and time.monotonic() - started > allowed
        within = config.model_copy(update={"algorithm": "nearest"}) if hurried else config
        done.append(_encode(graph, layer, moments.get(layer.name), within))
        if hurried:
            late.append(layer.name)
        bench.tell("quantize-weights", (position + 1) / len(chosen), f"{position + 1} of {len(chosen)} layers")
    if late:
        left.append(f"gptq was cut short by its time limit: {len(late)} layers are rounded to the nearest")
    graph.drop_unused_constants()
    graph.sort()
    if any(node.domain == "com.microsoft" for node in graph.model.graph.node):
        _import_microsoft(graph.model)
    return _result(config, model, graph.model, done, left, rows, bench)


def _chosen(config: QuantizeWeights, graph: Graph) -> tuple[list[Layer], list[str]]:
    layers = layers_of(graph)
    shared = shared_weights(layers, graph)
    chosen: list[Layer] = []
    notes: list[str] = []
    for layer in layers:
        if layer.kind not in config.operators or layer.name in config.exclude or layer.dequantize:
            continue
        if np.prod(layer.shape) < config.minimum_weights:
            continue
        if layer.weight in shared:
            notes.append(f"{layer.name} stays in floating point: something else uses its weight {layer.weight}, too")
        elif layer.kind == "Gemm" and (layer.attributes.get("transA") or layer.scale() == 0):
            notes.append(f"{layer.name} stays in floating point: its first matrix is transposed, or multiplied by zero")
        else:
            chosen.append(layer)
    return chosen, notes


def _encode(graph: Graph, layer: Layer, moments: SecondMoments | None, config: QuantizeWeights) -> Done:
    if layer.kind == "Gemm":
        _fold_factors(graph, layer)
    matrices: Doubles = layer.matrix(graph.constant(layer.weight)).astype(np.float64)
    width = matrices.shape[2]
    packs = _packs(config, layer)
    block = config.block if config.block and (packs or width % config.block == 0) else 0
    if packs and config.form == "dequantize" and block and width % block:
        block = 0
    if packs and config.form == "blocks" and not block:
        # The kernel knows no rows: blocks as large as it takes, each with its own scale.
        block = 128
    books = config.books if matrices.shape[1] % config.books == 0 else 1
    fitted = config.model_copy(update={"block": block, "books": books})
    means = moments.mean if moments else np.broadcast_to(np.eye(width), (len(matrices), width, width))
    encoded = tuple(encode(matrix, mean, fitted) for matrix, mean in zip(matrices, means, strict=True))
    if packs and isinstance(encoded[0].levels, Blocks):
        if config.form == "blocks":
            as_product(graph, layer, encoded[0].codes, encoded[0].levels, config.accuracy_level)
        else:
            as_dequantize(graph, layer, encoded[0].codes, encoded[0].levels)
    elif config.levels == "codebook":
        as_stored(graph, layer, [e.codes for e in encoded], [e.levels for e in encoded if isinstance(e.levels, Books)])
    else:
        as_stored(graph, layer, [e.codes for e in encoded], [e.levels for e in encoded if isinstance(e.levels, Blocks)])
    return Done(layer, encoded)


def _packs(config: QuantizeWeights, layer: Layer) -> bool:
    """Whether the runtime multiplies with the packed bits themselves."""
    return config.levels == "uniform" and layer.kind != "Conv"


def _fold_factors(graph: Graph, layer: Layer) -> None:
    """Takes alpha into the weight and beta into a constant bias: packed products know neither."""
    node = graph.nodes[layer.name]
    graph.set_constant(layer.weight, (graph.constant(layer.weight) * layer.scale()).astype(np.float32))
    beta = float(layer.attributes.get("beta", 1.0))
    if beta != 1.0 and len(node.input) > 2 and graph.is_constant(node.input[2]):
        name = graph.fresh_name(f"{node.input[2]}_times_beta")
        graph.set_constant(name, (graph.constant(node.input[2]) * beta).astype(np.float32))
        graph.rename_input(node, node.input[2], name)
    kept = [attribute for attribute in node.attribute if attribute.name not in ("alpha", "beta")]
    del node.attribute[:]
    node.attribute.extend(kept)


def _lifted(
    config: QuantizeWeights, model: onnx.ModelProto, chosen: list[Layer], rows: Inputs, bench: Workbench
) -> onnx.ModelProto:
    """The model at an operator set that can hold what will be written. @throws ModelUnusable"""
    standard = [layer for layer in chosen if not _packs(config, layer) or config.form == "dequantize"]
    blocked = config.form == "dequantize" and config.block and any(_packs(config, layer) for layer in chosen)
    if opset_of(model) >= BLOCKS_OPSET or not standard or (config.bits == 8 and not blocked):
        return model
    try:
        newer = lifted(model, BLOCKS_OPSET)
    except ModelUnusable as fault:
        raise ModelUnusable(
            f"Four bits and blocks need operator set {BLOCKS_OPSET}, and the model cannot be lifted to it; "
            "8 bits without blocks need no newer one",
            fault.faults,
        ) from fault
    del newer.graph.value_info[:]
    require_equivalent(model, newer, rows[:32], bench, "lift to a newer operator set")
    return newer


def _import_microsoft(model: onnx.ModelProto) -> None:
    if all(entry.domain != "com.microsoft" for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def _result(
    config: QuantizeWeights,
    before: onnx.ModelProto,
    after: onnx.ModelProto,
    done: list[Done],
    left: list[str],
    rows: Inputs,
    bench: Workbench,
) -> StepResult:
    made = sum(part.loss for one in done for part in one.encoded)
    nearest = sum(part.nearest_loss for one in done for part in one.encoded)
    exact = score(before, rows[:256], bench.contract, bench.threads)
    figures: dict[str, float | None] = {
        "layers": float(len(done)),
        "sizeRatio": len(serialise(after)) / len(serialise(before)),
        "outputError": output_error(after, exact, rows[:256], bench),
        "lossOverNearest": made / nearest if nearest > 0 else None,
    }
    return StepResult(after, figures, (*left, *_advice(config, before, done, bench)))


def _rows_of_a_product(model: onnx.ModelProto, layers: list[Layer], bench: Workbench) -> int:
    """Rows of the longest product that one row of the data makes, e.g. the tokens of a text."""
    one = bench.rows.input[bench.split.train[:1]]
    values = next(stream(model, [layer.activation for layer in layers], one, bench))
    return max(values[layer.activation].size // values[layer.activation].shape[-1] for layer in layers)


def _advice(config: QuantizeWeights, before: onnx.ModelProto, done: list[Done], bench: Workbench) -> list[str]:
    notes: list[str] = []
    unpacked = [one.layer.name for one in done if not _packs(config, one.layer)]
    if unpacked:
        notes.append(
            f"{len(unpacked)} weights are unpacked when the model is loaded: the file is smaller, speed and memory are "
            "those of floating point"
        )
    packed = [one.layer for one in done if _packs(config, one.layer)]
    if packed:
        rows = max(bench.serving.batch_sizes) * _rows_of_a_product(before, packed, bench)
        if rows >= FEW_TOKENS:
            notes.append(
                f"requests make products of about {rows} rows: packed weights gain most where there is one, and for so "
                "many dynamic eight-bit products are likely to be faster"
            )
    return notes
