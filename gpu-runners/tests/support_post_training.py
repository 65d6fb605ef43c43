"""A workbench without files, and small networks with attention, look-ups and recurrence."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ratchet_runners.data.rows import Rows
from ratchet_runners.data.split import Split
from ratchet_runners.documents.job import ModelContract, Objectives
from ratchet_runners.model.normalise import normalise
from ratchet_runners.model.scoring import score
from ratchet_runners.registry import StepResult, technique_of
from ratchet_runners.technique import Technique
from ratchet_runners.workbench import Workbench
from support import CONTRACT, images, network

WORDS, LENGTH, WIDTH, CLASSES = 200, 6, 32, 4


def bench_of(inputs: np.ndarray, contract: dict[str, Any] = CONTRACT, **more: Any) -> Workbench:
    """Rows that all are fresh unless `replay` says otherwise: half train, a quarter selects, a quarter is held back."""
    count = len(inputs)
    replay = more.pop("replay", np.zeros(count, np.bool_))
    nothing = np.full(count, np.nan)
    names = tuple(f"r{number}" for number in range(count))
    rows = Rows(
        names, np.zeros(count, np.int64), inputs, nothing, nothing, replay, np.ones(count), "sha256:" + "0" * 64
    )
    order = np.arange(count, dtype=np.intp)
    half, quarter = count // 2, 3 * count // 4
    split = Split(train=order[:half], select=order[half:quarter], held_back=order[quarter:])
    bench = Workbench(
        ModelContract.model_validate(contract), rows, split, 0, 1, lambda *_: None, time.monotonic() + 300, 300.0
    )
    return replace(bench, **more)


def image_case(count: int = 400, **more: Any) -> tuple[onnx.ModelProto, Workbench]:
    bench = bench_of(images(count, 1)[0], **more)
    return normalise(network(), bench.rows.input[:32], bench.contract, 1), bench


def take(config: Technique, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """Runs one step, and everything that came out must load and answer like the contract says."""
    result = technique_of(config)[1](config, model, bench)
    onnx.checker.check_model(result.model)
    assert np.isfinite(score(result.model, bench.rows.input[:8], bench.contract, 1)).all()
    return result


def moved(before: onnx.ModelProto, after: onnx.ModelProto, bench: Workbench) -> float:
    """Largest change of an answer as a share of the largest answer."""
    rows = bench.rows.input[bench.split.held_back]
    one, other = (score(model, rows, bench.contract, 1) for model in (before, after))
    return float(np.abs(one - other).max() / np.abs(one).max())


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def constants(model: onnx.ModelProto, kind: int) -> list[str]:
    return [tensor.name for tensor in model.graph.initializer if tensor.data_type == kind]


def encoder(seed: int = 0) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """Look-up, one head of attention, a feed-forward pair with GELU-like pieces, a head: token ids to logits."""
    random = np.random.default_rng(seed)

    def weight(*shape: int) -> np.ndarray:
        return (random.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)

    table = (weight(WORDS, WIDTH) * np.exp(random.normal(0, 1.5, (WORDS, 1)))).astype(np.float32)
    weights = {
        "table": table,
        **{name: weight(WIDTH, WIDTH) for name in ("q", "k", "v", "o")},
        "up": weight(WIDTH, 4 * WIDTH),
        "down": weight(4 * WIDTH, WIDTH),
        "head": weight(WIDTH, CLASSES),
        "root": np.float32(WIDTH**0.5).reshape(()),
        "axes": np.array([1], np.int64),
    }
    make = helper.make_node
    nodes = [
        make("Gather", ["table", "ids"], ["x"], name="look_up"),
        *[make("MatMul", ["x", name], [f"{name}_"], name=f"{name}_proj") for name in ("q", "k", "v")],
        make("Transpose", ["k_"], ["kt"], name="turn", perm=[0, 2, 1]),
        make("MatMul", ["q_", "kt"], ["scores"], name="scores"),
        make("Div", ["scores", "root"], ["scaled"], name="scale"),
        make("Softmax", ["scaled"], ["weights"], name="softmax", axis=-1),
        make("MatMul", ["weights", "v_"], ["mixed"], name="mix"),
        make("MatMul", ["mixed", "o"], ["attended"], name="o_proj"),
        make("Add", ["x", "attended"], ["y"], name="residual"),
        make("MatMul", ["y", "up"], ["u"], name="up_proj"),
        make("Relu", ["u"], ["a"], name="relu"),
        make("MatMul", ["a", "down"], ["d"], name="down_proj"),
        make("Add", ["y", "d"], ["z"], name="residual2"),
        make("ReduceMean", ["z"], ["pooled"], name="pool", axes=[1], keepdims=0),
        make("MatMul", ["pooled", "head"], ["logits"], name="head_proj"),
    ]
    del weights["axes"]
    contract = {
        "name": "words",
        "task": {"kind": "classification", "classes": CLASSES},
        "input": {"name": "ids", "datatype": "INT64", "shape": [-1, LENGTH]},
        "output": {"name": "logits", "datatype": "FP32", "shape": [-1, CLASSES]},
    }
    return _model(nodes, weights, ("ids", TensorProto.INT64, [LENGTH])), contract


def recurrent(kind: str, seed: int = 0) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """An LSTM or GRU over ten steps of eight numbers, and a head over its last state."""
    random = np.random.default_rng(seed)
    gates, hidden = (4 if kind == "LSTM" else 3), 16
    weights = {
        "w": random.normal(0, 0.3, (1, gates * hidden, 8)).astype(np.float32),
        "r": random.normal(0, 0.3, (1, gates * hidden, hidden)).astype(np.float32),
        "head": random.normal(0, 0.5, (hidden, CLASSES)).astype(np.float32),
        "axes": np.array([0], np.int64),
    }
    make = helper.make_node
    nodes = [
        make("Transpose", ["input"], ["steps"], name="turn", perm=[1, 0, 2]),
        make(kind, ["steps", "w", "r"], ["", "last"], name="states", hidden_size=hidden),
        make("Squeeze", ["last", "axes"], ["state"], name="squeeze"),
        make("MatMul", ["state", "head"], ["logits"], name="head_proj"),
    ]
    contract = {
        "name": "series",
        "task": {"kind": "regression"},
        "input": {"name": "input", "datatype": "FP32", "shape": [-1, 10, 8]},
        "output": {"name": "logits", "datatype": "FP32", "shape": [-1, CLASSES]},
    }
    return _model(nodes, weights, ("input", TensorProto.FLOAT, [10, 8])), contract


def _model(
    nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], given: tuple[str, int, list[int]]
) -> onnx.ModelProto:
    name, kind, shape = given
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(name, kind, ["batch", *shape])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(value, weight) for weight, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def encoder_case(
    scratch: Path | None = None, objectives: Objectives | None = None
) -> tuple[onnx.ModelProto, Workbench]:
    model, contract = encoder()
    ids = np.random.default_rng(1).integers(0, WORDS, (400, LENGTH))
    bench = bench_of(ids, contract, scratch=scratch, objectives=objectives or Objectives())
    return normalise(model, bench.rows.input[:32], bench.contract, 1), bench


def recurrent_case(kind: str) -> tuple[onnx.ModelProto, Workbench]:
    model, contract = recurrent(kind)
    rows = np.random.default_rng(1).normal(size=(160, 10, 8)).astype(np.float32)
    bench = bench_of(rows, contract)
    return normalise(model, bench.rows.input[:32], bench.contract, 1), bench
