"""Brings whatever exporters write into one form, and proves that it still answers the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

from ratchet_runners.data.rows import Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.choices import settled
from ratchet_runners.model.graph import Graph, constant_of, copy_of, kind_of
from ratchet_runners.model.lifting import OLDEST_OPSET, lifted
from ratchet_runners.model.scoring import score, serialise
from ratchet_runners.model.widening import is_half, widened

QUANTIZED = frozenset(
    {
        "ConvInteger",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "MatMulInteger",
        "QLinearConv",
        "QLinearMatMul",
        "QuantizeLinear",
        "DynamicQuantizeLSTM",
        "DynamicQuantizeMatMul",
        "GatherBlockQuantized",
        "MatMulBnb4",
        "MatMulIntegerToFloat",
        "MatMulNBits",
        "QAttention",
        "QEmbedLayerNormalization",
        "QGemm",
        "QLinearAdd",
        "QLinearAveragePool",
        "QLinearConcat",
        "QLinearGlobalAveragePool",
        "QLinearLeakyRelu",
        "QLinearMul",
        "QLinearSigmoid",
        "QLinearSoftmax",
    }
)
#: What chooses or repeats while the model runs: its inner graphs are out of reach of every technique.
CONTROL_FLOW = frozenset({"If", "Loop", "Scan", "SequenceMap"})

#: Largest difference from the original's answers, in shares of the largest one: rounding of FP32, and of FP16.
LARGEST_DIFFERENCE = 1e-4
LARGEST_HALF_DIFFERENCE = 3e-2


def quantized_operators(model: onnx.ModelProto) -> list[str]:
    """Operators that show that a model is quantized already, sorted."""
    return sorted({node.op_type for node in model.graph.node} & QUANTIZED)


def normalise(
    model: onnx.ModelProto,
    rows: Inputs,
    contract: ModelContract,
    threads: int,
    quantized: bool = False,
    opset: int = OLDEST_OPSET,
) -> onnx.ModelProto:
    """Constants folded and weights made FP32 initializers, stale shape records and unused imports dropped, nodes named.

    `rows` are real ones: the answers before and after must be equal up to rounding. A quantized model is refused, or,
    where `quantized` allows it, tidied without folding what its Q/DQ pairs say. An operator set older than `opset` is
    lifted.

    @throws ModelUnusable
    """
    present = quantized_operators(model)
    if present and not quantized:
        raise ModelUnusable("The model is already quantized", [f"it contains {name}" for name in present])
    model = copy_of(model)
    _name_nodes(model)  # ONNX Runtime does not even load two nodes of one name
    half = is_half(model) and not present
    plain = widened(model) if half else copy_of(model)
    del plain.graph.value_info[:]
    _drop_overridable_inputs(plain)
    if not present:
        plain = _basic_optimised(plain)
        fixed = settled(plain, contract.input.name, rows)
        plain = plain if fixed is plain else _basic_optimised(fixed)
    older = lifted(plain, opset)
    plain = older if older is plain or present else _basic_optimised(older)
    _refuse_control_flow(plain)
    _drop_dead_nodes(plain)
    _make_initializers(plain)
    del plain.graph.value_info[:]
    _name_nodes(plain)
    _drop_unused_imports(plain)
    _compare(model, plain, rows, contract, threads, LARGEST_HALF_DIFFERENCE if half else LARGEST_DIFFERENCE)
    return plain


def _compare(
    model: onnx.ModelProto,
    plain: onnx.ModelProto,
    rows: Inputs,
    contract: ModelContract,
    threads: int,
    allowed: float,
) -> None:
    before = score(model, rows, contract, threads)
    if not np.isfinite(before).all():
        raise ModelUnusable("The model answers real rows with numbers that are not finite")
    after = score(plain, rows, contract, threads)
    scale = float(np.abs(before).max(initial=0.0)) + 1e-6
    off = float(np.abs(before - after).max(initial=0.0)) / scale
    if not off <= allowed:
        raise ModelUnusable(f"Normalising the model changes its answers (relative difference {off:.1e})")


def _drop_overridable_inputs(model: onnx.ModelProto) -> None:
    """Weights that are listed as inputs too count as variable, and nothing would be folded."""
    weights = {tensor.name for tensor in model.graph.initializer}
    kept = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.ir_version = max(model.ir_version, 4)


def _basic_optimised(model: onnx.ModelProto) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory(prefix="ratchet-normalise-") as folder:
        path = Path(folder) / "plain.onnx"
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(path)
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        try:
            ort.InferenceSession(serialise(model), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ModelUnusable("ONNX Runtime does not load the model", [str(error).strip()]) from error
        return onnx.load_model(str(path))


def _refuse_control_flow(model: onnx.ModelProto) -> None:
    """`If` on a constant or on shapes alone is folded already; what is left depends on the data."""
    left = [node for node in model.graph.node if kind_of(node) in CONTROL_FLOW]
    if left:
        raise ModelUnusable(
            "The model decides while it runs which of its parts to use, so that its graph is not fixed",
            [
                f"operator {node.op_type} ({node.name or node.output[0]}): export the model without it, e.g. with "
                "fixed shapes and without Python conditions on values"
                for node in left
            ],
        )


def _drop_dead_nodes(model: onnx.ModelProto) -> None:
    """What made a condition that is settled by now."""
    used = {value.name for value in model.graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(model.graph.node):
        if used & set(node.output):
            kept.append(node)
            used.update(node.input)
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))


def _make_initializers(model: onnx.ModelProto) -> None:
    """Weights in Constant nodes, also behind Identity, become initializers."""
    graph = Graph(model)
    for node in [node for node in model.graph.node if kind_of(node) == "Constant"]:
        value = constant_of(node)
        if value is not None:
            name = node.output[0]
            model.graph.node.remove(node)
            graph.reindex()
            graph.set_constant(name, value)
    outputs = set(graph.outputs)
    for node in [node for node in model.graph.node if kind_of(node) == "Identity"]:
        if graph.is_constant(node.input[0]) and node.output[0] not in outputs:
            value = graph.constant(node.input[0])
            model.graph.node.remove(node)
            graph.reindex()
            graph.set_constant(node.output[0], value)
    graph.drop_unused_constants()


def _name_nodes(model: onnx.ModelProto) -> None:
    """Every node gets a name that no other one has; a name that was there first is kept."""
    given = {node.name for node in model.graph.node if node.name}
    taken: set[str] = set()
    for position, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            name, number = f"{node.op_type}_{position}", 1
            while name in given:
                name, number = f"{node.op_type}_{position}_{number}", number + 1
            node.name = name
            given.add(name)
        taken.add(node.name)


def _drop_unused_imports(model: onnx.ModelProto) -> None:
    used = {node.domain or "" for node in model.graph.node} | {""}
    kept = [entry for entry in model.opset_import if (entry.domain if entry.domain != "ai.onnx" else "") in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    model.producer_name = "ratchet-runners"
    model.producer_version = ""
