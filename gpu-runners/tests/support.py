"""Builders: small networks, Arrow files, job documents, and a runner started as a process."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
from onnx import TensorProto, helper, numpy_helper
from pyarrow import ipc

ROOT = Path(__file__).resolve().parents[1]
CLASSES, SIDE = 4, 8
CONTRACT = {
    "name": "shapes",
    "task": {"kind": "classification", "classes": CLASSES},
    "input": {"name": "input", "datatype": "FP32", "shape": [-1, 1, SIDE, SIDE]},
    "output": {"name": "logits", "datatype": "FP32", "shape": [-1, CLASSES]},
}


def digest(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def images(count: int, seed: int, turned: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A bright bar at one of four places, in noise; `turned` moves every bar to a place that was never seen."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, count)
    rows = random.normal(0, 0.15, (count, 1, SIDE, SIDE)).astype(np.float32)
    for row, label in zip(rows, labels, strict=True):
        if turned:
            row[0, :, 2 * label] += 1
        else:
            row[0, 2 * label : 2 * label + 2, :] += 1
    return rows, labels


def network(seed: int = 0, nodes: Any = None) -> onnx.ModelProto:
    """A convolutional network that knows the bars: trained in closed form, so that tests need no torch for it."""
    random = np.random.default_rng(seed)
    kernel = random.normal(0, 0.4, (16, 1, 3, 3)).astype(np.float32)
    second = random.normal(0, 0.15, (16, 16, 3, 3)).astype(np.float32)
    graph_nodes = [
        helper.make_node("Conv", ["input", "kernel", "kernel_bias"], ["c1"], name="conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], name="relu1"),
        helper.make_node("Conv", ["r1", "second"], ["c2"], name="conv2", pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["c2", "r1"], ["sum"], name="add"),
        helper.make_node("Relu", ["sum"], ["r2"], name="relu2"),
        helper.make_node("AveragePool", ["r2"], ["p"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["flat"], name="flatten"),
        helper.make_node("Gemm", ["flat", "head", "head_bias"], ["logits"], name="head_gemm"),
    ]
    width = 16 * (SIDE // 2) ** 2
    weights = {
        "kernel": kernel,
        "kernel_bias": np.full(16, 0.05, np.float32),
        "second": second,
        "head": np.zeros((width, CLASSES), np.float32),
        "head_bias": np.zeros(CLASSES, np.float32),
    }
    model = build(nodes or graph_nodes, weights)
    if nodes is None:
        _fit_head(model, width)
    return model


def build(nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], opset: int = 17) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "shapes",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    return model


def _fit_head(model: onnx.ModelProto, width: int) -> None:
    """Least squares from the features to the classes."""
    import onnxruntime as ort

    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    tapped.graph.output.append(helper.make_tensor_value_info("flat", TensorProto.FLOAT, None))
    rows, labels = images(800, 99)
    session = ort.InferenceSession(tapped.SerializeToString(), providers=["CPUExecutionProvider"])
    (features,) = session.run(["flat"], {"input": rows})
    targets = np.eye(CLASSES, dtype=np.float32)[labels] * 4 - 1
    solved = np.linalg.solve(features.T @ features + 10 * np.eye(width), features.T @ targets)
    for tensor in model.graph.initializer:
        if tensor.name == "head":
            tensor.CopyFrom(numpy_helper.from_array(solved.astype(np.float32), "head"))


def table(rows: np.ndarray, labels: np.ndarray, labelled: int, stratum: str, prefix: str, hour: int = 12) -> pa.Table:
    count = len(rows)
    flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).reshape(-1))
    known = [float(label) if position < labelled else None for position, label in enumerate(labels)]
    return pa.table(
        {
            "request_id": [f"{prefix}-{number}" for number in range(count)],
            "at": pa.array([datetime(2026, 1, 1, hour, tzinfo=timezone.utc)] * count, pa.timestamp("ms", "UTC")),
            "version": ["sha256:" + "0" * 64] * count,
            "input": pa.FixedSizeListArray.from_arrays(flat, int(np.prod(rows.shape[1:]))),
            "prediction": pa.array(np.zeros(count)),
            "confidence": pa.array([None] * count, pa.float64()),
            "label": pa.array(known, pa.float64()),
            "stratum": [stratum] * count,
        }
    )


def write_table(content: pa.Table, path: Path, stream: bool = False) -> None:
    with pa.OSFile(str(path), "wb") as file:
        writer = ipc.new_stream(file, content.schema) if stream else ipc.new_file(file, content.schema)
        with writer:
            writer.write_table(content)


def write_job(folder: Path, **changes: Any) -> Path:
    """A complete job in a folder: model, data, document. `changes` replace fields of the document by dotted path."""
    folder.mkdir(parents=True, exist_ok=True)
    model_path, data_path = folder / "reference.onnx", folder / "train.arrow"
    if not model_path.exists():
        model_path.write_bytes(network().SerializeToString())
    if not data_path.exists():
        rows, labels = images(400, 1)
        write_table(table(rows, labels, 300, "fresh", "f"), data_path)
    reference = {"path": model_path.name, "digest": digest(model_path)}
    document: dict[str, Any] = {
        "schema": "ratchet.dev/job/v1",
        "job": "shapes-t1-job",
        "attempt": "shapes-t1-job-a1",
        "model": json.loads(json.dumps(CONTRACT)),
        "recipe": "quantize-static",
        "parameters": {},
        "artifacts": {"reference": reference, "champion": dict(reference)},
        "data": {"train": {"path": data_path.name, "digest": digest(data_path), "rows": 400, "labelled": 300}},
        "limits": {"wallSeconds": 60, "maxRssBytes": 4 << 30, "threads": 1},
        "seed": 7,
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = document
        for parent in parents:
            place = place[parent]
        place[last] = value
    job = folder / "job.json"
    job.write_text(json.dumps(document))
    return job


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), **more}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "ratchet_runners", *map(str, arguments)]


def run(job: Path, output: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("run", job, "--output", output),
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=80,
        check=False,
    )


def report(output: Path) -> dict[str, Any]:
    return json.loads((output / "report.json").read_text())


def failure(output: Path) -> dict[str, Any]:
    lines = (output / "error.json").read_text().splitlines()
    assert len(lines) == 1
    return json.loads(lines[0])
