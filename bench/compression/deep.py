"""Half of the channels of a ResNet-18: how much smaller and faster that really is. Only shape counts, so nothing is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from families import export
from jobs import compress_document, run_job, save_rows
from networks import DeepResidualNetwork
from recipes import step

from ratchet_runners.evaluate.latency import compare, measure
from ratchet_runners.model.session import session_of

ROWS = 128


def deep(folder: Path, options: Any) -> list[dict[str, Any]]:
    """Goals: bytes, speed, and widths that the kernels take whole."""
    home = folder / "deep"
    home.mkdir(parents=True, exist_ok=True)
    images = np.load(folder / "families" / "small" / "data.npz")["traffic_x"][:ROWS]
    rows = np.repeat(np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2))), 3, axis=1)
    if not (home / "model.onnx").exists():
        torch.manual_seed(3)
        export(DeepResidualNetwork().eval(), torch.from_numpy(rows[:3]), home / "model.onnx")
        save_rows(home / "rows.arrow", rows, np.full(ROWS, np.nan), ["fresh"] * ROWS, "deep")
    contract = {
        "name": "deep",
        "task": {"kind": "classification", "classes": 10},
        "input": {"name": "input", "datatype": "FP32", "shape": [-1, 3, 32, 32]},
        "output": {"name": "logits", "datatype": "FP32", "shape": [-1, 10]},
    }
    half = {"name": "half", "steps": [step("prune-channels", ratio=0.5, importance="magnitude", retrain=False)]}
    document = compress_document("deep-half", half, contract, home / "model.onnx", home / "rows.arrow", options)
    made = run_job(document, home / "half", "half of a ResNet-18", "ours")
    if made.model is None:
        return [{"words": "deep: half of a ResNet-18's channels", "reached": False, "figure": made.note[:200]}]
    models = {"half": made.model.read_bytes(), "whole": (home / "model.onnx").read_bytes()}
    sessions = {name: session_of(content, 1) for name, content in models.items()}
    calls = {
        name: (lambda session=session: session.run(["logits"], {"input": rows[:1]}))
        for name, session in sessions.items()
    }
    figures = compare(measure(calls, 60, 20.0), "half", "whole", 1, 1, 0.95, 7)
    size, speed = len(models["whole"]) / len(models["half"]), 1 / figures.ratio.value
    widths = _widths(onnx.load(made.model))
    block = max(block for block in (16, 8, 4, 2, 1) if all(width % block == 0 for width in widths))
    return [
        {"words": "deep: ≥ 3.5 times smaller by half of the channels", "reached": size >= 3.5, "figure": f"{size:.2f}"},
        {"words": "deep: ≥ 3 times as fast by half of the channels", "reached": speed >= 3.0, "figure": f"{speed:.2f}"},
        {
            "words": "deep: widths that the kernels take whole",
            "reached": block >= 8,
            "figure": f"multiples of {block}: {json.dumps(sorted(set(widths)))}",
        },
    ]


def _widths(model: onnx.ModelProto) -> list[int]:
    shapes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    return [shapes[node.input[1]][0] for node in model.graph.node if node.op_type == "Conv"]
