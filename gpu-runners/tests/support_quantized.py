"""Small quantized graphs, and a workbench around rows, for the tests of training with Q/DQ pairs."""

from __future__ import annotations

import itertools
import time
from functools import cache
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ratchet_runners.data.rows import Rows
from ratchet_runners.data.split import split_rows
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.quantize.calibration.observing import float_tensors, observe
from ratchet_runners.quantize.static.form import QuantizedForm
from ratchet_runners.quantize.static.islands import island_nodes
from ratchet_runners.quantize.static.narrow import cast_while_loading, lifted_for_four_bits
from ratchet_runners.quantize.static.place import place
from ratchet_runners.workbench import Workbench

SIDE, CLASSES = 8, 10
CONTRACT: dict[str, Any] = {
    "name": "digits",
    "task": {"kind": "classification", "classes": CLASSES},
    "input": {"name": "input", "datatype": "FP32", "shape": [-1, 1, SIDE, SIDE]},
    "output": {"name": "logits", "datatype": "FP32", "shape": [-1, CLASSES]},
}


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """1,797 real digits of 8 x 8 pixels in 0..1, shuffled, and their labels."""
    from sklearn.datasets import load_digits

    rows, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(rows))
    return (rows[order] / 16).astype(np.float32).reshape(-1, 1, SIDE, SIDE), labels[order]


@cache
def trained_bytes() -> bytes:
    """A convolutional network of some 4,000 weights that knows the digits: residual, depthwise, pooled, with a head."""
    import torch

    from ratchet_runners.engine.module import GraphModule
    from ratchet_runners.engine.train import Schedule, train

    torch.set_num_threads(1)
    module = GraphModule(untrained(), "input", "logits")
    rows, labels = digits()
    inputs, targets = torch.from_numpy(rows), torch.from_numpy(labels)

    def loss(batch: np.ndarray) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(module(inputs[batch]), targets[batch])

    rising = itertools.count()  # the last epoch is the one that is kept
    schedule = Schedule(12, 32, 1e-2, 0.0, 99, 60.0, 0)
    train(module, np.arange(1200), loss, lambda: float(next(rising)), schedule, lambda fraction, message: None)
    return module.write_back().SerializeToString()


def untrained(seed: int = 0) -> onnx.ModelProto:
    random = np.random.default_rng(seed)

    def he(*shape: int) -> np.ndarray:
        return random.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32)

    weights = {
        "w1": he(8, 1, 3, 3),
        "w2": he(16, 8, 3, 3),
        "w3": he(16, 16, 3, 3) * 0.5,
        "wd": he(16, 1, 3, 3),
        "head": he(CLASSES, 16 * 4) * 0.5,
        **{
            name: np.zeros(size, np.float32) for name, size in {"b1": 8, "b2": 16, "b3": 16, "bd": 16, "bh": 10}.items()
        },
    }
    node = helper.make_node
    nodes = [
        node("Conv", ["input", "w1", "b1"], ["c1"], name="conv1", pads=[1, 1, 1, 1]),
        node("Relu", ["c1"], ["r1"], name="relu1"),
        node("Conv", ["r1", "w2", "b2"], ["c2"], name="conv2", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", ["c2"], ["r2"], name="relu2"),
        node("Conv", ["r2", "w3", "b3"], ["c3"], name="conv3", pads=[1, 1, 1, 1]),
        node("Add", ["c3", "r2"], ["sum"], name="add"),
        node("Relu", ["sum"], ["r3"], name="relu3"),
        node("Conv", ["r3", "wd", "bd"], ["c4"], name="depthwise", pads=[1, 1, 1, 1], group=16),
        node("Relu", ["c4"], ["r4"], name="relu4"),
        node("MaxPool", ["r4"], ["p"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], ["flat"], name="flatten"),
        node("Gemm", ["flat", "head", "bh"], ["logits"], name="head", transB=1),
    ]
    return build(nodes, weights)


def build(nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], opset: int = 21) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 10
    return model


def trained() -> onnx.ModelProto:
    return onnx.load_from_string(trained_bytes())


def unbalanced() -> onnx.ModelProto:
    """The trained network with channels of very different size, and the same answers: each is scaled where it is made,
    and scaled back where it is taken (Relu and MaxPool let a positive factor through). One step a tensor fits none of
    them, as in networks with depthwise convolutions (Nagel et al., "Data-free quantization", ICCV 2019).
    """
    model = trained()
    constants = {tensor.name: numpy_helper.to_array(tensor).copy() for tensor in model.graph.initializer}
    random = np.random.default_rng(5)
    for made, bias, taken, positions in (("w1", "b1", "w2", 1), ("wd", "bd", "head", 4)):
        factors = np.exp(random.uniform(-1.5, 1.5, len(constants[bias]))).astype(np.float32)
        constants[made] *= factors[:, None, None, None]
        constants[bias] *= factors
        back = np.repeat(factors, positions)
        constants[taken] /= back[None, :, None, None] if constants[taken].ndim == 4 else back[None, :]
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(constants[tensor.name], tensor.name))
    return model


def placed(model: onnx.ModelProto, bits: int = 8, cast: bool = True, **form: Any) -> onnx.ModelProto:
    """The model with pairs at every weighted node, ranges from 256 digits."""
    if bits == 4:
        model = lifted_for_four_bits(model)
    weighted = [node.name for node in model.graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    nodes = island_nodes(model, weighted)
    tensors = float_tensors(model, nodes)
    seen = observe(model, "input", tensors, digits()[0][:256], 64, False, 1, lambda fraction, message: None)
    ranges = {name: (seen[name].low, seen[name].high) for name in tensors}
    four = frozenset(weighted if bits == 4 else ())
    made = place(model, nodes, ranges, QuantizedForm(four_bits=four, **form))
    return cast_while_loading(made) if four and cast else made


def bench_of(
    labelled: int = 0, wall_seconds: float = 120.0, contract: dict[str, Any] | None = None, **more: Any
) -> Workbench:
    """A workbench with all digits; the first `labelled` have labels."""
    rows, labels = digits()
    count = len(rows)
    table = Rows(
        tuple(f"digit-{number}" for number in range(count)),
        np.arange(count, dtype=np.int64),
        rows,
        np.full(count, np.nan),
        np.where(np.arange(count) < labelled, labels, np.nan).astype(np.float64),
        np.zeros(count, dtype=np.bool_),
        np.ones(count),
        "sha256:" + "0" * 64,
    )
    return Workbench(
        contract=ModelContract.model_validate(contract or CONTRACT),
        rows=table,
        split=split_rows(table, 7),
        seed=7,
        threads=1,
        tell=lambda step, fraction, message: None,
        deadline=time.monotonic() + wall_seconds,
        wall_seconds=wall_seconds,
        **more,
    )
