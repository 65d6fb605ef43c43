"""Benches in this process, a teacher that knows the drift, and networks with residual blocks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ratchet_runners.data.rows import Rows
from ratchet_runners.data.split import split_rows
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.model.probe import probed
from ratchet_runners.model.scoring import predictions, score
from ratchet_runners.workbench import Workbench
from support import CLASSES, CONTRACT, build, images, network

CONTRACT_OF_IMAGES = ModelContract.model_validate(CONTRACT)


def drifted_rows(fresh: int = 600, older: int = 300, labelled: int = 0, seed: int = 1) -> Rows:
    """Turned bars, of which the first few have labels, and upright ones as replay without labels."""
    new, classes = images(fresh, seed, turned=True)
    old, _ = images(older, seed + 1)
    label = np.full(fresh + older, np.nan)
    label[:labelled] = classes[:labelled]
    count = fresh + older
    return Rows(
        request_id=tuple(f"r{number}" for number in range(count)),
        at=np.arange(count, dtype=np.int64),
        input=np.concatenate([new, old]),
        prediction=np.zeros(count),
        label=label,
        replay=np.arange(count) >= fresh,
        weight=np.ones(count),
        digest="sha256:" + "0" * 64,
    )


def bench_of(models: Mapping[str, onnx.ModelProto], rows: Rows | None = None, **more: Any) -> Workbench:
    rows = rows or drifted_rows()
    content: dict[str, Any] = {
        "contract": CONTRACT_OF_IMAGES,
        "rows": rows,
        "split": split_rows(rows, 7),
        "seed": 7,
        "threads": 1,
        "tell": lambda step, fraction, message: None,
        "deadline": time.monotonic() + 300,
        "wall_seconds": 300.0,
        "models": models,
    }
    return Workbench(**{**content, **more})


def taught_network(seed: int = 5, base: onnx.ModelProto | None = None) -> onnx.ModelProto:
    """A network that knows upright and turned bars: its head is solved by least squares over both."""
    model = base or network(seed)
    upright, turned = images(800, 90), images(800, 91, turned=True)
    rows = np.concatenate([upright[0], turned[0]])
    labels = np.concatenate([upright[1], turned[1]])
    features = probed(model, ["flat"], rows, bench_of({}))["flat"].astype(np.float64)
    targets = np.eye(CLASSES)[labels] * 8 - 2
    solved = np.linalg.solve(features.T @ features + 3 * np.eye(features.shape[1]), features.T @ targets)
    return with_constant(model, "head", solved.astype(np.float32))


def with_constant(model: onnx.ModelProto, name: str, value: np.ndarray) -> onnx.ModelProto:
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for tensor in made.graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(numpy_helper.from_array(value, name))
    return made


def residual_network(strengths: tuple[float, ...], seed: int = 0, width: int = 8) -> onnx.ModelProto:
    """A stem, one residual block for each strength (the size of what it adds), and a head."""
    random = np.random.default_rng(seed)
    weights = {
        "stem": random.normal(0, 0.4, (width, 1, 3, 3)).astype(np.float32),
        "head": random.normal(0, 0.3, (width * 16, CLASSES)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["input", "stem"], ["stem_out"], name="stem_conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["stem_out"], ["x0"], name="stem_relu"),
    ]
    for number, strength in enumerate(strengths):
        weights[f"kernel{number}"] = random.normal(0, strength, (width, width, 3, 3)).astype(np.float32)
        start, inner, added, end = f"x{number}", f"inner{number}", f"sum{number}", f"x{number + 1}"
        nodes += [
            helper.make_node("Conv", [start, f"kernel{number}"], [inner], name=f"conv{number}", pads=[1, 1, 1, 1]),
            helper.make_node("Add", [inner, start], [added], name=f"add{number}"),
            helper.make_node("Relu", [added], [end], name=f"relu{number}"),
        ]
    last = f"x{len(strengths)}"
    nodes += [
        helper.make_node("AveragePool", [last], ["p"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["flat"], name="flatten"),
        helper.make_node("MatMul", ["flat", "head"], ["logits"], name="head_matmul"),
    ]
    return build(nodes, weights)


def accuracy_of(model: onnx.ModelProto, turned: bool) -> float:
    rows, labels = images(400, 77, turned=turned)
    given = predictions(score(model, rows, CONTRACT_OF_IMAGES, 1), CONTRACT_OF_IMAGES)
    return float((given == labels).mean())
