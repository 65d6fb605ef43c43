"""What can be done with a model, and why not, without any data."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import onnx

from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.doctor import examine
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.load import parse_model, safety_faults
from ratchet_runners.model.normalise import QUANTIZED
from ratchet_runners.quantize.static.islands import weighted_nodes


def inspect_model(path: Path) -> dict[str, Any]:
    """@throws ModelUnusable when the file cannot be read or is no ONNX model"""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelUnusable(f"The model {path} cannot be read: {error.strerror}") from error
    model = parse_model(content, str(path))
    faults = safety_faults(model)
    quantized = sorted({node.op_type for node in model.graph.node} & QUANTIZED)
    faults += [f"already quantized: contains {name}" for name in quantized]
    weights = {tensor.name for tensor in model.graph.initializer}
    return {
        "digest": digest_of_bytes(content),
        "sizeBytes": len(content),
        "operatorSet": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        "operators": dict(sorted(Counter(node.op_type for node in model.graph.node).items())),
        "weights": sum(_size(tensor) for tensor in model.graph.initializer),
        "inputs": [_described(value) for value in model.graph.input if value.name not in weights],
        "outputs": [_described(value) for value in model.graph.output],
        "recipes": {
            "quantize-static": _quantizable(model, faults),
            "incremental-distillation": _trainable(model, faults),
        },
    }


def _quantizable(model: onnx.ModelProto, faults: list[str]) -> dict[str, Any]:
    nodes = weighted_nodes(model)
    reasons = faults or ([] if nodes else ["no operator has a constant weight that eight bits could hold"])
    return {"possible": not reasons, "reasons": reasons, "nodes": len(nodes)}


def _trainable(model: onnx.ModelProto, faults: list[str]) -> dict[str, Any]:
    available = examine()["incremental-distillation"]
    if available != "available":
        return {"possible": False, "reasons": [*faults, available]}
    from ratchet_runners.engine.module import unsupported_operators

    missing = [f"operator {name} is not known to the graph engine" for name in unsupported_operators(model)]
    return {"possible": not faults and not missing, "reasons": [*faults, *missing]}


def _described(value: onnx.ValueInfoProto) -> dict[str, Any]:
    tensor = value.type.tensor_type
    return {
        "name": value.name,
        "datatype": onnx.TensorProto.DataType.Name(tensor.elem_type),
        "shape": [size.dim_value if size.HasField("dim_value") else -1 for size in tensor.shape.dim],
    }


def _size(tensor: onnx.TensorProto) -> int:
    size = 1
    for length in tensor.dims:
        size *= length
    return size
