"""Brings whatever exporters write into one form, and proves that it still answers the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import version_converter

from ratchet_runners.data.rows import Floats
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.scoring import score, serialise

#: Oldest operator set whose Q/DQ pairs know scales a channel.
OLDEST_OPSET = 13

QUANTIZED = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "MatMulInteger", "ConvInteger"}
)


def normalise(model: onnx.ModelProto, rows: Floats, contract: ModelContract, threads: int) -> onnx.ModelProto:
    """Constants folded and weights made initializers, stale shape records and unused imports dropped, nodes named.

    `rows` are real ones: the answers before and after must be equal up to rounding.
    @throws ModelUnusable
    """
    present = sorted({node.op_type for node in model.graph.node} & QUANTIZED)
    if present:
        raise ModelUnusable("The model is already quantized", [f"it contains {name}" for name in present])
    plain = _basic_optimised(_lifted(model))
    del plain.graph.value_info[:]
    _name_nodes(plain)
    _drop_unused_imports(plain)
    before = score(model, rows, contract, threads)
    after = score(plain, rows, contract, threads)
    scale = float(np.abs(before).max(initial=0.0)) + 1e-6
    if not np.isfinite(before).all():
        raise ModelUnusable("The model answers real rows with numbers that are not finite")
    off = float(np.abs(before - after).max(initial=0.0)) / scale
    if off > 1e-4:
        raise ModelUnusable(f"Normalising the model changes its answers (relative difference {off:.1e})")
    return plain


def _lifted(model: onnx.ModelProto) -> onnx.ModelProto:
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if opset >= OLDEST_OPSET:
        return model
    try:
        return version_converter.convert_version(model, OLDEST_OPSET)
    except Exception as error:  # the converter throws RuntimeError and its own classes alike
        raise ModelUnusable(
            f"The model's operator set {opset} is older than {OLDEST_OPSET} and cannot be lifted", [str(error).strip()]
        ) from error


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


def _name_nodes(model: onnx.ModelProto) -> None:
    taken: set[str] = set()
    for position, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{position}"
        taken.add(node.name)


def _drop_unused_imports(model: onnx.ModelProto) -> None:
    used = {node.domain or "" for node in model.graph.node} | {""}
    kept = [entry for entry in model.opset_import if (entry.domain if entry.domain != "ai.onnx" else "") in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    model.producer_name = "ratchet-runners"
    model.producer_version = ""
