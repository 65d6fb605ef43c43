"""A workbench around the bars of `support`, and candidates that are as wrong as a test wants them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ratchet_runners.data.rows import Rows
from ratchet_runners.data.split import Split
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.workbench import Workbench
from support import CONTRACT, images, network

CONTRACT_OF_BARS = ModelContract.model_validate(CONTRACT)


def contract(outputs: tuple[int, ...], inputs: tuple[int, ...], datatype: str = "FP32", classes: int | None = None):
    task = {"kind": "classification", "classes": classes} if classes else {"kind": "regression"}
    return ModelContract.model_validate(
        {
            "name": "made",
            "task": task,
            "input": {"name": "input", "datatype": datatype, "shape": [-1, *inputs]},
            "output": {"name": "output", "datatype": "FP32", "shape": [-1, *outputs]},
        }
    )


def rows_of(inputs: np.ndarray, labels: np.ndarray, replay: Any = None, slices: tuple[str, ...] = ()) -> Rows:
    count = len(inputs)
    return Rows(
        request_id=tuple(f"r{number}" for number in range(count)),
        at=np.zeros(count, np.int64),
        input=inputs,
        prediction=np.zeros(count),
        label=np.asarray(labels, np.float64),
        replay=np.zeros(count, np.bool_) if replay is None else np.asarray(replay, np.bool_),
        weight=np.ones(count),
        digest="sha256:" + "0" * 64,
        slice=slices,
    )


def bench_of(rows: Rows, contract_: ModelContract = CONTRACT_OF_BARS, **more: Any) -> Workbench:
    everything = np.arange(len(rows), dtype=np.intp)
    return Workbench(
        contract=contract_,
        rows=rows,
        split=Split(train=everything[:0], select=everything[:0], held_back=everything),
        seed=5,
        threads=1,
        tell=lambda *_: None,
        deadline=time.monotonic() + 600,
        wall_seconds=600,
        **more,
    )


def bars(count: int = 240, seed: int = 21) -> Rows:
    return rows_of(*images(count, seed))


def damaged(amount: float, seed: int = 4) -> onnx.ModelProto:
    """The network of the bars with noise of so many spreads on the weights of its head."""
    model = network()
    for tensor in model.graph.initializer:
        if tensor.name == "head":
            value = numpy_helper.to_array(tensor)
            noise = np.random.default_rng(seed).normal(0, amount * value.std(), value.shape)
            tensor.CopyFrom(numpy_helper.from_array((value + noise).astype(np.float32), "head"))
    return model


def linear(weight: np.ndarray, kind: int = TensorProto.FLOAT, scale: float = 1.0) -> onnx.ModelProto:
    """`output = input × weight × scale`."""
    nodes = [helper.make_node("MatMul", ["floats", "weight"], ["output"], name="product")]
    cast = helper.make_node("Cast", ["input"], ["floats"], name="cast", to=TensorProto.FLOAT)
    graph = helper.make_graph(
        [cast, *nodes],
        "linear",
        [helper.make_tensor_value_info("input", kind, ["batch", weight.shape[0]])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", weight.shape[1]])],
        [numpy_helper.from_array((weight * scale).astype(np.float32), "weight")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
