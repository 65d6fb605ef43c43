"""Bytes, weights by bits, work for a row, and the form of a model: the figures that plans and reports rest on."""

from __future__ import annotations

import gzip

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static

from ratchet_runners.documents.job import ModelContract
from ratchet_runners.model.footprint import footprint, subject_of
from ratchet_runners.model.macs import count_macs
from ratchet_runners.model.precision import form_of, weights_by_bits
from support import CLASSES, CONTRACT, SIDE, images, network

CONV1, CONV2, HEAD = 16 * SIDE * SIDE * 9, 16 * SIDE * SIDE * 16 * 9, 16 * 16 * CLASSES
WEIGHTS = 16 * 9 + 16 + 16 * 16 * 9 + 256 * CLASSES + CLASSES


def single(nodes, inputs, outputs, weights=(), opset=17, extra=()):
    graph = helper.make_graph(
        list(nodes),
        "one",
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in dict(weights).items()],
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in extra)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def floats(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


class Reader(CalibrationDataReader):
    def __init__(self):
        self.batches = iter([{"input": images(16, 3)[0]}])

    def get_next(self):
        return next(self.batches, None)


@pytest.fixture(scope="module")
def eight_bit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8")
    onnx.save(network(), folder / "float.onnx")
    quantize_static(
        folder / "float.onnx", folder / "int8.onnx", Reader(), activation_type=QuantType.QUInt8, per_channel=True
    )
    quantize_dynamic(folder / "float.onnx", folder / "dynamic.onnx", op_types_to_quantize=["MatMul", "Gemm"])
    return onnx.load(folder / "int8.onnx"), onnx.load(folder / "dynamic.onnx")


def test_a_network_counts_its_bytes_weights_and_work():
    found = footprint(network())
    content = network().SerializeToString(deterministic=True)
    assert found.size_bytes == len(content)
    assert found.gzip_bytes == len(gzip.compress(content, 6, mtime=0)) < found.size_bytes
    assert (found.parameters, found.precision) == (WEIGHTS, {32: WEIGHTS})
    assert found.macs_by_node == {"conv1": CONV1, "conv2": CONV2, "head_gemm": HEAD}
    assert found.macs == CONV1 + CONV2 + HEAD
    assert (found.form, found.uncounted) == ("float", ())
    assert found.operators["Relu"] == 2


def test_eight_bits_change_the_bits_and_the_form_but_neither_the_weights_nor_the_work(eight_bit):
    static, dynamic = eight_bit
    biases = 16 + CLASSES
    assert weights_by_bits(static) == {32: biases, 8: WEIGHTS - biases}
    assert count_macs(static).total == CONV1 + CONV2 + HEAD
    assert form_of(static) == "qdq"
    assert form_of(dynamic) == "dynamic"
    assert weights_by_bits(dynamic) == {32: WEIGHTS - 256 * CLASSES, 8: 256 * CLASSES}
    assert count_macs(dynamic).total == CONV1 + CONV2 + HEAD


def test_weights_alone_half_and_stored_half_are_told_apart():
    weight = np.arange(12, dtype=np.int8).reshape(4, 3)
    scale, zero = np.float32(0.1), np.int8(0)
    dequantized = single(
        [
            helper.make_node("DequantizeLinear", ["w", "s", "z"], ["f"]),
            helper.make_node("MatMul", ["x", "f"], ["y"]),
        ],
        [("x", TensorProto.FLOAT, ["n", 4])],
        ["y"],
        {"w": weight, "s": scale, "z": zero},
    )
    assert (form_of(dequantized), weights_by_bits(dequantized)) == ("weights", {8: 12})
    stored = single(
        [helper.make_node("Cast", ["w"], ["f"], to=TensorProto.FLOAT), helper.make_node("MatMul", ["x", "f"], ["y"])],
        [("x", TensorProto.FLOAT, ["n", 4])],
        ["y"],
        {"w": floats(4, 3).astype(np.float16)},
    )
    assert (form_of(stored), weights_by_bits(stored)) == ("weights", {16: 12})
    half = single(
        [
            helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
            helper.make_node("MatMul", ["h", "w"], ["y"]),
        ],
        [("x", TensorProto.FLOAT, ["n", 4])],
        ["y"],
        {"w": floats(4, 3).astype(np.float16)},
    )
    assert form_of(half) == "half"


def test_blocks_count_their_logical_weights_and_work():
    packed = np.zeros((24, 2, 16), np.uint8)
    model = single(
        [
            helper.make_node(
                "MatMulNBits", ["x", "b", "s"], ["y"], domain="com.microsoft", K=64, N=24, bits=4, block_size=32
            )
        ],
        [("x", TensorProto.FLOAT, ["n", 5, 64])],
        ["y"],
        {"b": packed, "s": np.ones(48, np.float32)},
        extra=["com.microsoft"],
    )
    assert weights_by_bits(model) == {4: 64 * 24}
    assert count_macs(model).total == 5 * 64 * 24  # the shape of an operator of another domain is observed
    assert form_of(model) == "weights"


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_a_recurrent_layer_multiplies_in_every_step_and_direction(kind, gates):
    model = single(
        [helper.make_node(kind, ["x", "w", "r"], ["y"], hidden_size=7, direction="bidirectional", name="cell")],
        [("x", TensorProto.FLOAT, [11, "n", 5])],
        ["y"],
        {"w": floats(2, gates * 7, 5), "r": floats(2, gates * 7, 7)},
    )
    assert count_macs(model, floats(11, 1, 5)).nodes == {"cell": 11 * 2 * gates * 7 * (5 + 7)}


def test_batched_attention_transposed_and_grouped_convolution_are_counted():
    attention = single(
        [
            helper.make_node("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2]),
            helper.make_node("MatMul", ["x", "t"], ["scores"], name="scores"),
            helper.make_node("MatMul", ["scores", "x"], ["y"], name="mix"),
        ],
        [("x", TensorProto.FLOAT, ["n", 4, 9, 6])],
        ["y"],
    )
    assert count_macs(attention).nodes == {"scores": 4 * 9 * 9 * 6, "mix": 4 * 9 * 6 * 9}
    convolutions = single(
        [
            helper.make_node("Conv", ["x", "d"], ["a"], name="depthwise", group=8, pads=[1, 1, 1, 1]),
            helper.make_node("ConvTranspose", ["a", "u"], ["y"], name="up", strides=[2, 2]),
        ],
        [("x", TensorProto.FLOAT, ["n", 8, 6, 6])],
        ["y"],
        {"d": floats(8, 1, 3, 3), "u": floats(8, 3, 2, 2)},
    )
    assert count_macs(convolutions).nodes == {"depthwise": 8 * 36 * 9, "up": 8 * 36 * 3 * 4}


def test_a_shape_that_inference_misses_is_read_off_a_run_on_a_real_row():
    nodes = [
        helper.make_node("NonZero", ["x"], ["where"]),
        helper.make_node("Cast", ["where"], ["places"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["places"], ["turned"]),
        helper.make_node("MatMul", ["turned", "w"], ["y"], name="product"),
    ]
    model = single(nodes, [("x", TensorProto.FLOAT, ["n", 6])], ["y"], {"w": floats(2, 5)})
    row = np.array([[1, 0, 2, 0, 0, 3]], np.float32)
    assert count_macs(model, row).nodes == {"product": 3 * 2 * 5}


def test_work_in_a_loop_is_uncounted_and_so_is_the_total():
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "w"], ["next"], name="inner"),
            helper.make_node("Identity", ["go"], ["again"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, ["n", 3]),
        ],
        [
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, ["n", 3]),
        ],
    )
    model = single(
        [helper.make_node("Loop", ["times", "", "x"], ["y"], body=body)],
        [("x", TensorProto.FLOAT, ["n", 3])],
        ["y"],
        {"w": floats(3, 3), "times": np.int64(4)},
    )
    found = count_macs(model)
    assert (found.total, found.uncounted) == (None, ("inner",))


def test_the_larger_branch_counts():
    def branch(name, width):
        return helper.make_graph(
            [
                helper.make_node("MatMul", ["x", f"w{name}"], [f"h{name}"], name=f"wide{name}"),
                helper.make_node("ReduceSum", [f"h{name}"], [f"y{name}"]),
            ],
            name,
            [],
            [helper.make_tensor_value_info(f"y{name}", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(floats(3, width), f"w{name}")],
        )

    model = single(
        [helper.make_node("If", ["c"], ["y"], then_branch=branch("a", 4), else_branch=branch("b", 9))],
        [("x", TensorProto.FLOAT, ["n", 3]), ("c", TensorProto.BOOL, [])],
        ["y"],
    )
    assert count_macs(model).nodes == {"wideb": 27}
    assert weights_by_bits(model) == {32: 39}


def test_a_subject_tells_a_plan_what_it_needs():
    subject = subject_of(network(), ModelContract.model_validate(CONTRACT), threads=2, teacher=True)
    assert (subject.form, subject.weights, subject.macs) == ("float", WEIGHTS, CONV1 + CONV2 + HEAD)
    assert (subject.rows, subject.labelled, subject.classification) == (0, 0, True)
    assert subject.untrainable == ()
    assert (subject.threads, subject.teacher, subject.builder) == (2, True, False)
