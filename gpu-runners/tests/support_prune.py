"""Random architectures for pruning, and a bench to prune on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ratchet_runners.data.rows import Rows
from ratchet_runners.data.split import split_rows
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.model.hardware import PROFILES
from ratchet_runners.model.scoring import session_of
from ratchet_runners.prune.groups import Structure
from ratchet_runners.prune.surgery import Removal
from ratchet_runners.workbench import Workbench
from support import CLASSES, CONTRACT, images


class Net:
    """A graph under construction; `width` of each tensor's channels or features is the builder's to know."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, np.ndarray] = {}

    def weight(self, *shape: int, scale: float | None = None) -> str:
        name = f"w{len(self.weights)}"
        spread = scale or 1 / np.sqrt(max(1, np.prod(shape[1:])))
        self.weights[name] = self.random.normal(0, spread, shape).astype(np.float32)
        return name

    def numbers(self, *values: int) -> str:
        name = f"w{len(self.weights)}"
        self.weights[name] = np.array(values, dtype=np.int64)
        return name

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        made = [f"t{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), made, name=f"{kind}{len(self.nodes)}", **attributes))
        return made[0] if outputs == 1 else made

    def conv(self, data: str, taken: int, made: int, kernel: int = 3, group: int = 1, bias: bool = True) -> str:
        inputs = [data, self.weight(made, taken // group, kernel, kernel)] + (
            [self.weight(made, scale=0.1)] if bias else []
        )
        return self.add("Conv", *inputs, pads=[kernel // 2] * 4, group=group)

    def linear(self, data: str, taken: int, made: int) -> str:
        return self.add("Add", self.add("MatMul", data, self.weight(taken, made)), self.weight(made, scale=0.1))

    def norm(self, data: str, width: int) -> str:
        for _ in range(4):
            self.weights[self.weight(width)] = self.random.uniform(0.5, 1.5, width).astype(np.float32)
        return self.add("BatchNormalization", data, *list(self.weights)[-4:])

    def model(self, logits: str, shape: list[Any], opset: int = 17, tokens: bool = False) -> onnx.ModelProto:
        self.nodes[-1].output[list(self.nodes[-1].output).index(logits)] = "logits"
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("input", TensorProto.INT64 if tokens else TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])],
            [numpy_helper.from_array(value, name) for name, value in self.weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
        model.ir_version = 8
        return model


def plain(net: Net, data: str, width: int) -> tuple[str, int]:
    made = int(net.random.integers(2, 5)) * 4
    return net.add("Relu", net.norm(net.conv(data, width, made, bias=False), made)), made


def residual(net: Net, data: str, width: int) -> tuple[str, int]:
    inner = net.add("Relu", net.conv(data, width, 12))
    return net.add("Relu", net.add("Add", data, net.conv(inner, 12, width))), width


def depthwise(net: Net, data: str, width: int) -> tuple[str, int]:
    spread = net.add("Clip", net.conv(data, width, width, group=width), net.weight(1)[:0], net.weight(1)[:0])
    return net.add("HardSwish", net.conv(spread, width, 16, kernel=1)), 16


def grouped(net: Net, data: str, width: int) -> tuple[str, int]:
    groups, each = (4, 4) if net.random.random() < 0.5 else (2, 8)
    wide = net.add("Relu", net.conv(data, width, 16, kernel=1))
    return net.add("Relu", net.conv(wide, 16, groups * each, group=groups)), groups * each


def branches(net: Net, data: str, width: int) -> tuple[str, int]:
    one, other = net.conv(data, width, 8), net.add("Relu", net.conv(data, width, 12, kernel=1))
    return net.add("Concat", one, other, data, axis=1), 20 + width


def shuffled(net: Net, data: str, width: int) -> tuple[str, int]:
    wide = net.add("Relu", net.conv(data, width, 16))
    first, second = net.add("Split", wide, net.numbers(8, 8), outputs=2, axis=1)
    joined = net.add("Concat", first, net.add("Relu", net.conv(second, 8, 8)), axis=1)
    split = net.add("Reshape", joined, net.numbers(0, 2, 8, 8, 8))
    turned = net.add("Transpose", split, perm=[0, 2, 1, 3, 4])
    return net.add("Reshape", turned, net.numbers(0, -1, 8, 8)), 16


def sliced(net: Net, data: str, width: int) -> tuple[str, int]:
    wide = net.add("Relu", net.conv(data, width, 24))
    part = net.add("Slice", wide, net.numbers(4), net.numbers(20), net.numbers(1))
    return net.add("Relu", net.conv(part, 16, 12)), 12


def squeezed(net: Net, data: str, width: int) -> tuple[str, int]:
    pooled = net.add("GlobalAveragePool", data)
    inner = net.add("Relu", net.conv(pooled, width, 8, kernel=1))
    return net.add("Mul", data, net.add("Sigmoid", net.conv(inner, 8, width, kernel=1))), width


def up_and_down(net: Net, data: str, width: int) -> tuple[str, int]:
    up = net.add("ConvTranspose", data, net.weight(width, 12, 2, 2), strides=[2, 2])
    down = net.add("SpaceToDepth", net.add("MaxPool", net.add("Relu", up), kernel_shape=[1, 1]), blocksize=2)
    return net.add("LeakyRelu", net.conv(down, 48, 16)), 16


BLOCKS: tuple[Callable[[Net, str, int], tuple[str, int]], ...] = (
    *(plain, residual, depthwise, grouped, branches, shuffled, sliced, squeezed, up_and_down),
)


def conv_net(seed: int) -> onnx.ModelProto:
    """Four blocks drawn at random between a stem and one of two heads; input [batch, 1, 8, 8]."""
    net = Net(seed)
    data, width = net.add("Relu", net.conv("input", 1, 12)), 12
    # Every block has its turn within a few seeds.
    chosen = [BLOCKS[seed % len(BLOCKS)], *(BLOCKS[int(at)] for at in net.random.integers(0, len(BLOCKS), 3))]
    for block in chosen:
        data, width = block(net, data, width)
    if seed % 2:
        flat = net.add("Flatten", net.add("AveragePool", data, kernel_shape=[2, 2], strides=[2, 2]))
        inner = net.add("Gemm", flat, net.weight(width * 16, 16), net.weight(16))
        data, width = net.add("Relu", inner), 16
    else:
        data = net.add("Squeeze", net.add("GlobalAveragePool", data), net.numbers(2, 3))
    logits = net.add("Gemm", data, net.weight(CLASSES, width), net.weight(CLASSES), transB=1)
    return net.model(logits, ["batch", 1, 8, 8])


def transformer(seed: int) -> onnx.ModelProto:
    """One or two layers with separate or fused projections; shapes as numbers or computed; input [batch, 6, 16]."""
    net = Net(seed)
    data, width, heads = net.linear("input", 16, 24), 24, 3
    for _ in range(1 + seed % 2):
        scale = net.weight(width)
        normed = net.add("LayerNormalization", data, scale, net.weight(width), axis=-1)
        data = net.add("Add", data, _attention(net, normed, width, heads, seed))
        inner = net.add("Mul", wide := net.linear(data, width, 40), net.add("Sigmoid", wide))
        data = net.add("Add", data, net.linear(inner, 40, width))
    logits = net.linear(net.add("ReduceMean", data, axes=[1], keepdims=0), width, CLASSES)
    return net.model(logits, ["batch", 6, 16])


def _attention(net: Net, data: str, width: int, heads: int, seed: int) -> str:
    each = width // heads
    if seed % 3 == 0:
        wide = net.add("Reshape", net.linear(data, width, 3 * width), net.numbers(0, 0, 3, heads, each))
        turned = net.add("Transpose", wide, perm=[2, 0, 3, 1, 4])
        net.weights["zero"], net.weights["one"], net.weights["two"] = (np.array(number) for number in range(3))
        query, key, value = (net.add("Gather", turned, number, axis=0) for number in ("zero", "one", "two"))
    else:
        shape = net.numbers(0, 0, heads, each)
        if seed % 3 == 2:
            batch = net.add("Slice", net.add("Shape", data), net.numbers(0), net.numbers(1))
            shape = net.add("Concat", batch, net.numbers(6), net.numbers(heads, each), axis=0)
        parts = [net.add("Reshape", net.linear(data, width, width), shape) for _ in range(3)]
        query, key, value = (net.add("Transpose", part, perm=[0, 2, 1, 3]) for part in parts)
    scores = net.add("MatMul", query, net.add("Transpose", key, perm=[0, 1, 3, 2]))
    mixed = net.add("MatMul", net.add("Softmax", scores, axis=-1), value)
    joined = net.add("Reshape", net.add("Transpose", mixed, perm=[0, 2, 1, 3]), net.numbers(0, 0, width))
    return net.linear(joined, width, width)


def recurrent(seed: int) -> onnx.ModelProto:
    """Features, then a GRU or LSTM in one or two directions; input [batch, 6, 16]."""
    net = Net(seed)
    directions, hidden, gates = 1 + seed % 2, 12, (3, 4)[seed // 2 % 2]
    data = net.add("Transpose", net.add("Tanh", net.linear("input", 16, 20)), perm=[1, 0, 2])
    kind = "GRU" if gates == 3 else "LSTM"
    weights = [net.weight(directions, gates * hidden, 20), net.weight(directions, gates * hidden, hidden)]
    bias = net.weight(directions, 2 * gates * hidden, scale=0.1)
    direction = {"direction": "bidirectional"} if directions == 2 else {}
    states = net.add(kind, data, *weights, bias, outputs=2, hidden_size=hidden, **direction)[0]
    turned = net.add("Transpose", states, perm=[2, 0, 1, 3])
    flat = net.add("Reshape", turned, net.numbers(0, 0, directions * hidden))
    mean = net.add("ReduceMean", flat, axes=[1], keepdims=0)
    logits = net.add("Gemm", mean, net.weight(directions * hidden, CLASSES), net.weight(CLASSES))
    return net.model(logits, ["batch", 6, 16])


def some_units(structure: Structure, seed: int) -> Removal:
    """A few units of every group that may lose some."""
    random = np.random.default_rng(seed)
    return Removal(
        {
            group.name: tuple(sorted(random.permutation(group.size)[: random.integers(1, group.size)].tolist()))
            for group in structure.free
            if group.size > 1
        }
    )


def silenced(structure: Structure, removal: Removal) -> onnx.ModelProto:
    """The model with zeros in all that makes these units."""
    model = onnx.ModelProto()
    model.CopyFrom(structure.model)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for group in structure.free:
        for part in group.slices if group.name in removal.units else ():
            value = numpy_helper.to_array(tensors[part.constant]).copy()
            if part.role != "sums" and value.dtype.kind == "f":
                gone = part.positions[list(removal.units[group.name])].ravel()
                np.moveaxis(value, part.axis, 0)[gone] = 0
                tensors[part.constant].CopyFrom(numpy_helper.from_array(value, part.constant))
    return model


def answers(model: onnx.ModelProto, rows: np.ndarray) -> np.ndarray:
    return np.asarray(session_of(model.SerializeToString(), 1).run(None, {"input": rows})[0])


def bench_of(model: onnx.ModelProto, count: int = 400, labelled: int = 0, wall: float = 60.0) -> Workbench:
    """The bars of `support.images` and a model that knows them."""
    rows, labels = images(count, 3)
    known = np.where(np.arange(count) < labelled, labels.astype(np.float64), np.nan)
    names = tuple(f"row-{number}" for number in range(count))
    zeros = np.zeros(count)
    table = Rows(names, np.zeros(count, np.int64), rows, zeros, known, zeros > 0, zeros + 1, "sha256:" + "0" * 64)
    return Workbench(
        contract=ModelContract.model_validate(CONTRACT),
        rows=table,
        split=split_rows(table, 1),
        seed=5,
        threads=1,
        tell=lambda step, fraction, message: None,
        deadline=time.monotonic() + wall,
        wall_seconds=wall,
        models={"reference": model},
        hardware=PROFILES["x86-avx2-vnni"],
    )
