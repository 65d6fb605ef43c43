"""Builders for the steps on weights and rounding: a workbench around any model, and what a model answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from ratchet_runners.data.rows import Rows
from ratchet_runners.data.split import split_rows
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.quantize.static.form import QuantizedForm
from ratchet_runners.quantize.static.place import place
from ratchet_runners.quantize.stream import stream
from ratchet_runners.workbench import Workbench

KINDS = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}


def model_of(
    nodes: list[onnx.NodeProto],
    weights: Mapping[str, np.ndarray],
    shape: tuple[int, ...],
    output: tuple[int, ...],
    opset: int = 17,
) -> onnx.ModelProto:
    """A model from `input` (batch, *shape) to `logits` (batch, *output)."""
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", *output])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    return model


def contract_of(model: onnx.ModelProto) -> ModelContract:
    given, made = model.graph.input[0], model.graph.output[0]
    names = {TensorProto.FLOAT: "FP32", TensorProto.INT64: "INT64"}

    def tensor(value: onnx.ValueInfoProto) -> dict[str, Any]:
        sizes = [size.dim_value for size in value.type.tensor_type.shape.dim]
        return {
            "name": value.name,
            "datatype": names[value.type.tensor_type.elem_type],
            "shape": [-1, *sizes[1:]],
        }

    classes = max(2, made.type.tensor_type.shape.dim[-1].dim_value)
    return ModelContract.model_validate(
        {
            "name": "net",
            "task": {"kind": "classification", "classes": classes},
            "input": tensor(given),
            "output": tensor(made),
        }
    )


def bench_of(model: onnx.ModelProto, rows: np.ndarray, seed: int = 3, **more: Any) -> Workbench:
    """A workbench whose source is `model`, over unlabelled rows."""
    count = len(rows)
    held = Rows(
        request_id=tuple(f"r-{number}" for number in range(count)),
        at=np.zeros(count, np.int64),
        input=rows,
        prediction=np.zeros(count),
        label=np.full(count, np.nan),
        replay=np.zeros(count, np.bool_),
        weight=np.ones(count),
        digest="sha256:" + "0" * 64,
    )
    return Workbench(
        contract=contract_of(model),
        rows=held,
        split=split_rows(held, seed),
        seed=seed,
        threads=1,
        tell=lambda step, fraction, message: None,
        deadline=time.monotonic() + 300,
        wall_seconds=300,
        **{"models": {"source": model, "reference": model}, **more},
    )


def placed(
    model: onnx.ModelProto, rows: np.ndarray, kinds: tuple[str, ...], form: QuantizedForm | bool = False
) -> onnx.ModelProto:
    """The model with Q/DQ pairs around all nodes of these kinds, with the ranges that these rows give."""
    chosen = [node for node in model.graph.node if node.op_type in kinds]
    constants = {tensor.name for tensor in model.graph.initializer}
    tensors = {name for node in chosen for name in [*node.input, *node.output]} - constants - {""}
    ranges: dict[str, tuple[float, float]] = {}
    for values in stream(model, sorted(tensors), rows, bench_of(model, rows), len(rows)):
        ranges = {name: (float(value.min()), float(value.max())) for name, value in values.items()}
    return place(model, [node.name for node in chosen], ranges, form)


def answers(model: onnx.ModelProto, rows: np.ndarray) -> np.ndarray:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {model.graph.input[0].name: rows})[0])


def constant(model: onnx.ModelProto, name: str) -> np.ndarray:
    return next(numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name == name)


def correlated(random: np.random.Generator, count: int, width: int, rank: int = 4) -> np.ndarray:
    """Rows whose numbers hang together, as activations do."""
    mixed = random.normal(size=(count, rank)) @ random.normal(size=(rank, width))
    return (mixed + 0.2 * random.normal(size=(count, width))).astype(np.float32)
