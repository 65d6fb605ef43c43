"""Every operator of the graph engine against ONNX Runtime, and gradients against finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from ratchet_runners.engine.module import GraphModule, unsupported_operators
from ratchet_runners.engine.operators import OPERATORS
from ratchet_runners.faults import ModelUnusable

RANDOM = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def longs(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


IMAGE, MATRIX = (2, 4, 9, 7), (3, 6)
#: Operator, shape of what comes in, constant inputs after it, attributes, operator set.
CASES: list[tuple[str, tuple[int, ...], list[Any], dict[str, Any], int]] = [
    ("Conv", IMAGE, [floats(6, 4, 3, 3), floats(6)], {"pads": [1, 1, 1, 1]}, 17),
    ("Conv", IMAGE, [floats(6, 4, 3, 3)], {"strides": [2, 2], "pads": [1, 0, 2, 1]}, 17),
    ("Conv", IMAGE, [floats(8, 2, 3, 3), floats(8)], {"group": 2, "dilations": [2, 2], "pads": [2, 2, 2, 2]}, 13),
    ("Conv", IMAGE, [floats(4, 1, 3, 3)], {"group": 4, "auto_pad": "SAME_UPPER", "strides": [2, 2]}, 17),
    ("Conv", IMAGE, [floats(4, 4, 2, 2)], {"auto_pad": "SAME_LOWER"}, 17),
    ("Conv", (2, 3, 11), [floats(5, 3, 3)], {"auto_pad": "VALID"}, 17),
    ("Gemm", MATRIX, [floats(6, 5), floats(5)], {}, 17),
    ("Gemm", MATRIX, [floats(5, 6), floats(1, 5)], {"transB": 1, "alpha": 0.5, "beta": 2.0}, 13),
    ("Gemm", MATRIX, [floats(3, 5)], {"transA": 1}, 17),
    ("MatMul", (2, 3, 6), [floats(6, 4)], {}, 17),
    ("BatchNormalization", IMAGE, [floats(4), floats(4), floats(4), np.abs(floats(4)) + 0.1], {"epsilon": 1e-3}, 15),
    ("Add", IMAGE, [floats(4, 1, 1)], {}, 17),
    ("Sub", IMAGE, [floats(1, 4, 1, 1)], {}, 17),
    ("Mul", IMAGE, [floats(4, 1, 1)], {}, 17),
    ("Div", IMAGE, [np.abs(floats(4, 1, 1)) + 0.5], {}, 17),
    ("Pow", MATRIX, [np.array(2.0, np.float32)], {}, 17),
    ("Relu", MATRIX, [], {}, 17),
    ("LeakyRelu", MATRIX, [], {"alpha": 0.2}, 17),
    ("Sigmoid", MATRIX, [], {}, 17),
    ("Tanh", MATRIX, [], {}, 17),
    ("Erf", MATRIX, [], {}, 17),
    ("Softmax", (2, 3, 4), [], {"axis": 1}, 17),
    ("Softmax", MATRIX, [], {}, 13),
    ("Clip", MATRIX, [np.array(-0.5, np.float32), np.array(0.5, np.float32)], {}, 17),
    ("Identity", MATRIX, [], {}, 17),
    ("Dropout", MATRIX, [], {}, 17),
    ("LpNormalization", MATRIX, [], {"axis": 1, "p": 2}, 17),
    ("LpNormalization", MATRIX, [], {"axis": 0, "p": 1}, 17),
    ("GlobalAveragePool", IMAGE, [], {}, 17),
    ("AveragePool", IMAGE, [], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}, 17),
    ("AveragePool", IMAGE, [], {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1}, 17),
    ("MaxPool", IMAGE, [], {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 1, 1, 1]}, 17),
    ("Flatten", IMAGE, [], {}, 17),
    ("Flatten", IMAGE, [], {"axis": -1}, 17),
    ("Reshape", IMAGE, [longs(0, -1, 7)], {}, 17),
    ("Transpose", IMAGE, [], {"perm": [0, 2, 3, 1]}, 17),
    ("Transpose", MATRIX, [], {}, 17),
    ("Squeeze", (2, 1, 3, 1), [longs(1, 3)], {}, 17),
    ("Unsqueeze", MATRIX, [longs(0, -1)], {}, 17),
    ("Concat", MATRIX, [floats(3, 2)], {"axis": 1}, 17),
    ("ReduceMean", IMAGE, [], {"axes": [2, 3], "keepdims": 0}, 17),
    ("ReduceMean", IMAGE, [longs(1)], {"keepdims": 1}, 18),
    ("Sqrt", (1, 4), [], {}, 17),
    ("Pad", IMAGE, [longs(0, 0, 1, 2, 0, 0, 0, 1), np.array(0.5, np.float32)], {}, 17),
    ("Pad", IMAGE, [longs(0, 0, 1, 2, 0, 0, 0, 1)], {"mode": "reflect"}, 17),
    ("Pad", IMAGE, [longs(0, 0, 1, 2, 0, 0, 0, 1)], {"mode": "edge"}, 17),
]


def single(name: str, constants: list[np.ndarray], attributes: dict[str, Any], opset: int):
    names = [f"c{position}" for position in range(len(constants))]
    node = helper.make_node(name, ["x", *names], ["y"], name="node", **attributes)
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, key) for key, value in zip(names, constants, strict=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    return model


@pytest.mark.parametrize(
    ("name", "shape", "constants", "attributes", "opset"),
    CASES,
    ids=[f"{case[0]}-{number}" for number, case in enumerate(CASES)],
)
def test_operator_answers_like_onnx_runtime(
    name: str, shape: tuple[int, ...], constants: list[np.ndarray], attributes: dict[str, Any], opset: int
) -> None:
    model = single(name, constants, attributes, opset)
    x = np.abs(floats(*shape)) if name == "Sqrt" else floats(*shape)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": x})
    module = GraphModule(model, "x", "y")
    given = torch.from_numpy(x).requires_grad_()
    answer = module(given)
    assert tuple(answer.shape) == expected.shape
    np.testing.assert_allclose(answer.detach().numpy(), expected, rtol=2e-4, atol=2e-5)
    answer.square().sum().backward()
    assert given.grad is not None
    assert torch.isfinite(given.grad).all()


def test_every_operator_has_a_case() -> None:
    assert set(OPERATORS) == {case[0] for case in CASES}


@pytest.mark.parametrize("name", ["Conv", "Gemm", "MatMul", "BatchNormalization", "LpNormalization", "AveragePool"])
def test_gradient_is_the_slope(name: str) -> None:
    _, shape, constants, attributes, opset = next(case for case in CASES if case[0] == name)
    module = GraphModule(single(name, constants, attributes, opset), "x", "y").double()
    module._constants = {key: value.double() for key, value in module._constants.items()}
    x = torch.from_numpy(floats(*shape)).double().requires_grad_()
    assert torch.autograd.gradcheck(module, (x,), fast_mode=True)


def test_unknown_operators_are_listed_together() -> None:
    nodes = [
        helper.make_node("Cos", ["x"], ["a"]),
        helper.make_node("Gru", ["a"], ["b"], domain="org.example"),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    model = single("Relu", [], {}, 17)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    assert unsupported_operators(model) == ["Cos", "org.example::Gru"]
    with pytest.raises(ModelUnusable) as caught:
        GraphModule(model, "x", "y")
    assert len(caught.value.faults) == 2


def test_an_unknown_use_of_a_known_operator_is_refused() -> None:
    model = single("MaxPool", [], {"kernel_shape": [2, 2], "dilations": [2, 2]}, 17)
    with pytest.raises(ModelUnusable, match="cannot be trained") as caught:
        GraphModule(model, "x", "y")(torch.zeros(1, 1, 8, 8))
    assert "dilations" in caught.value.faults[0]
