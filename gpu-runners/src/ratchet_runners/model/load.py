"""Loads a model that somebody else made. Whatever is wrong with it is a reason that a person can act on."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.documents.job import FileReference, ModelContract, TensorContract
from ratchet_runners.faults import ModelUnusable

#: Domains whose operators ONNX Runtime has built in.
KNOWN_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})

#: ONNX's element type for every datatype of a contract.
ELEMENT_TYPES: dict[str, int] = {"FP32": TensorProto.FLOAT, "INT64": TensorProto.INT64, "INT32": TensorProto.INT32}


def load_model(path: Path, expected: FileReference, contract: ModelContract) -> onnx.ModelProto:
    """Reads, verifies and checks a model against the contract. @throws ModelUnusable"""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelUnusable(f"The model {path} cannot be read: {error.strerror}") from error
    digest = digest_of_bytes(content)
    if digest != expected.digest:
        raise ModelUnusable(f"The model {path} is not the one that was asked for", [f"{digest} != {expected.digest}"])
    model = parse_model(content, str(path))
    faults = safety_faults(model) or contract_faults(model, contract)
    if faults:
        raise ModelUnusable(f"The model {path} cannot be used", faults)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ModelUnusable(f"The model {path} is no valid ONNX model", [str(error).strip()]) from error
    return model


def parse_model(content: bytes, name: str) -> onnx.ModelProto:
    """@throws ModelUnusable when the bytes are truncated or something else"""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise ModelUnusable(f"{name} is no ONNX file, or is truncated ({len(content)} bytes)") from error
    if not model.HasField("graph") or not model.graph.node:
        raise ModelUnusable(f"{name} is no ONNX model: it has no graph")
    return model


def safety_faults(model: onnx.ModelProto) -> list[str]:
    """What must not be in a model whose digest is to name it completely and which only built-in operators run."""
    faults: list[str] = []
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            faults.append(_external_fault(tensor))
    local = {(function.domain, function.name) for function in model.functions}
    foreign = {
        f"{node.domain}::{node.op_type}"
        for node in model.graph.node
        if node.domain not in KNOWN_DOMAINS and (node.domain, node.op_type) not in local
    }
    faults += [f"operator {name} is a custom operator; only built-in ones can be run" for name in sorted(foreign)]
    return faults


def _external_fault(tensor: TensorProto) -> str:
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    parts = PurePosixPath(location.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in location:
        return f"weight {tensor.name} lies outside the model's folder ({location!r})"
    return (
        f"weight {tensor.name} lies in another file ({location!r}), which the digest does not cover: save as one file"
    )


def contract_faults(model: onnx.ModelProto, contract: ModelContract) -> list[str]:
    """Differences between what the model takes and gives and what the contract says."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    faults: list[str] = []
    if len(inputs) != 1:
        faults.append(f"the model takes {len(inputs)} inputs, the contract names one")
    for kind, wanted, values in (
        ("input", contract.input, inputs),
        ("output", contract.output, list(model.graph.output)),
    ):
        found = next((value for value in values if value.name == wanted.name), None)
        if found is None:
            names = ", ".join(value.name for value in values)
            faults.append(f"{kind} {wanted.name!r} is missing (the model has {names or 'none'})")
        else:
            faults += _tensor_faults(kind, wanted, found)
    return faults


def _tensor_faults(kind: str, wanted: TensorContract, value: onnx.ValueInfoProto) -> list[str]:
    tensor = value.type.tensor_type
    faults: list[str] = []
    if tensor.elem_type != ELEMENT_TYPES[wanted.datatype]:
        name = TensorProto.DataType.Name(tensor.elem_type)
        faults.append(f"{kind} {wanted.name!r} is {name}, the contract says {wanted.datatype}")
    if not tensor.HasField("shape"):
        return faults
    shape = [dimension.dim_value if dimension.HasField("dim_value") else -1 for dimension in tensor.shape.dim]
    fits = len(shape) == len(wanted.shape) and all(
        have in (-1, want) for have, want in zip(shape[1:], wanted.shape[1:], strict=True)
    )
    if not fits:
        faults.append(f"{kind} {wanted.name!r} has shape {shape}, the contract says {list(wanted.shape)}")
    elif shape[0] != -1:
        faults.append(f"{kind} {wanted.name!r} has a fixed batch of {shape[0]}; the first dimension must be free")
    return faults
