"""Exports a model and proves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.data.rows import Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.export.adapter import Adapter, TargetUnavailable
from ratchet_runners.export.document import TARGETS, Export, ExportedFile, Target
from ratchet_runners.export.litert import LiteRtAdapter
from ratchet_runners.export.onnx_file import OnnxAdapter
from ratchet_runners.export.openvino_ir import OpenVinoAdapter
from ratchet_runners.export.tensorrt_engine import TensorRtAdapter
from ratchet_runners.export.verify import verify
from ratchet_runners.faults import DataUnusable, ModelUnusable
from ratchet_runners.model.load import parse_model, safety_faults
from ratchet_runners.model.scoring import serialise

ADAPTERS: dict[Target, Adapter] = {
    adapter.name: adapter for adapter in (OnnxAdapter(), OpenVinoAdapter(), LiteRtAdapter(), TensorRtAdapter())
}

_TYPES: dict[int, str] = {TensorProto.FLOAT: "FP32", TensorProto.INT64: "INT64", TensorProto.INT32: "INT32"}


def probes() -> dict[Target, str]:
    """Every target as `available` or `unavailable: …`; imports none of their runtimes."""
    return {target: ADAPTERS[target].probe() for target in TARGETS}


def export(
    model: onnx.ModelProto,
    target: Target,
    folder: Path,
    contract: ModelContract,
    rows: Inputs | None = None,
    threads: int = 1,
) -> Export:
    """Writes the model into `folder` (made where it does not exist) and, with real `rows`, compares what it answers.

    @throws TargetUnavailable; ExportFailed
    """
    adapter = ADAPTERS[target]
    found = adapter.probe()
    if found != "available":
        raise TargetUnavailable(f"The target {target} is {found}")
    folder.mkdir(parents=True, exist_ok=True)
    files = adapter.export(model, contract, folder)
    proof = verify(adapter, files[0], model, rows, contract, threads) if rows is not None and len(rows) else None
    return Export(
        target=target,
        source=digest_of_bytes(serialise(model)),
        files=tuple(_described(path, folder) for path in files),
        versions=adapter.versions(),
        verification=proof,
        notes=() if proof else ("not compared: there were no rows",),
    )


def _described(path: Path, folder: Path) -> ExportedFile:
    content = path.read_bytes()
    name = path.relative_to(folder).as_posix()
    return ExportedFile(file=name, digest=digest_of_bytes(content), size_bytes=len(content))


def export_file(path: Path, target: Target, folder: Path, rows: Path | None = None, threads: int = 1) -> Export:
    """The command `export`: the contract is read off the model; `rows` is a .npy file with real rows.

    Leaves `export.json` beside the files. @throws ModelUnusable; DataUnusable; TargetUnavailable; ExportFailed
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelUnusable(f"The model {path} cannot be read: {error.strerror}") from error
    model = parse_model(content, str(path))
    faults = safety_faults(model)
    if faults:
        raise ModelUnusable(f"The model {path} cannot be used", faults)
    contract = contract_of(model)
    made = export(model, target, folder, contract, None if rows is None else _rows(rows, contract), threads)
    (folder / "export.json").write_text(made.model_dump_json(by_alias=True, indent=2) + "\n", encoding="utf-8")
    return made


def _rows(path: Path, contract: ModelContract) -> Inputs:
    try:
        rows: Inputs = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataUnusable(f"The rows {path} cannot be read: {error}") from error
    if rows.shape[1:] != contract.input.shape[1:]:
        raise DataUnusable(
            f"The rows {path} have shape {list(rows.shape)}, the model takes {list(contract.input.shape)}"
        )
    kind: Any = {"FP32": np.float32, "INT64": np.int64, "INT32": np.int32}[contract.input.datatype]
    return rows.astype(kind)


def contract_of(model: onnx.ModelProto) -> ModelContract:
    """What the model itself says: one input, its first output. @throws ModelUnusable where a contract cannot say it"""
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise ModelUnusable(f"The model takes {len(inputs)} inputs; only models with one can be exported")
    given, made = _described_tensor(inputs[0]), _described_tensor(model.graph.output[0])
    width = int(np.prod(made["shape"][1:]))
    task = {"kind": "classification", "classes": width} if width > 1 else {"kind": "regression"}
    return ModelContract.model_validate({"name": "model", "task": task, "input": given, "output": made})


def _described_tensor(value: onnx.ValueInfoProto) -> dict[str, Any]:
    tensor = value.type.tensor_type
    shape = [size.dim_value if size.HasField("dim_value") else -1 for size in tensor.shape.dim]
    if not shape or -1 in shape[1:] or tensor.elem_type not in _TYPES:
        raise ModelUnusable(
            f"The tensor {value.name!r} has the shape {shape} and type {TensorProto.DataType.Name(tensor.elem_type)}; "
            "dimensions after the batch must be fixed, and numbers FP32, INT64 or INT32"
        )
    return {"name": value.name, "datatype": _TYPES[tensor.elem_type], "shape": [-1, *shape[1:]]}
