"""Cross-layer equalisation: answers stay whatever the chain, ranges become even, four bits lose less."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from ratchet_runners.model.hardware import detect
from ratchet_runners.quantize.equalise.config import Equalise
from ratchet_runners.quantize.equalise.run import equalise
from ratchet_runners.technique import Subject
from support_quantize import answers, bench_of, constant, model_of

SPACE = (4, 8, 8)


def uneven(random: np.random.Generator, *shape: int) -> np.ndarray:
    """A kernel whose output channels differ by up to a factor of a hundred."""
    spread = np.exp(random.uniform(-2.3, 2.3, shape[0])).reshape(-1, *[1] * (len(shape) - 1))
    return (random.normal(size=shape) * spread).astype(np.float32)


def chain(seed: int, between: list[Any], channels: int = 6, groups: int = 1, multiplier: int = 1) -> onnx.ModelProto:
    """Conv, `between` from tensor a to tensor b, Conv (grouped), mean over space."""
    random = np.random.default_rng(seed)
    weights: dict[str, np.ndarray] = {
        "k1": uneven(random, channels, 4, 3, 3),
        "b1": random.normal(size=channels).astype(np.float32),
        "k2": uneven(random, channels * multiplier, channels // groups, 3, 3),
        "slope": random.uniform(0, 1, (channels, 1, 1)).astype(np.float32),
        "zero": np.array(0, np.float32),
        "six": np.array(6, np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["input", "k1", "b1"], ["a"], name="first", pads=[1, 1, 1, 1]),
        *between,
        helper.make_node("Conv", ["b", "k2"], ["c"], name="second", pads=[1, 1, 1, 1], group=groups),
        helper.make_node("ReduceMean", ["c"], ["logits"], name="mean", axes=[2, 3], keepdims=0),
    ]
    used = {name for node in nodes for name in node.input}
    weights = {name: value for name, value in weights.items() if name in used}
    return model_of(nodes, weights, SPACE, (channels * multiplier,))


def rows(seed: int = 0, count: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, *SPACE)).astype(np.float32)


def check(model: onnx.ModelProto, pairs: int) -> onnx.ModelProto:
    data = rows()
    result = equalise(Equalise(), model, bench_of(model, data))
    assert not result.refusals
    assert result.figures["pairs"] == pairs
    assert (result.figures["unevennessAfter"] or 0) < (result.figures["unevennessBefore"] or 0)
    exact = answers(model, data)
    assert np.allclose(answers(result.model, data), exact, atol=1e-4 * np.abs(exact).max())
    return result.model


make = helper.make_node
BETWEEN = {
    "relu": [make("Relu", ["a"], ["b"], name="r")],
    "leaky": [make("LeakyRelu", ["a"], ["b"], name="r", alpha=0.1)],
    "prelu": [make("PRelu", ["a", "slope"], ["b"], name="r")],
    "clip below": [make("Clip", ["a", "zero"], ["b"], name="r")],
    "relu and pool": [
        make("Relu", ["a"], ["x"], name="r"),
        make("MaxPool", ["x"], ["b"], name="p", kernel_shape=[2, 2]),
    ],
    "mean pool": [make("AveragePool", ["a"], ["b"], name="p", kernel_shape=[2, 2], pads=[1, 1, 0, 0])],
}


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize(("groups", "multiplier"), [(1, 1), (6, 1), (6, 2), (3, 1)])
def test_answers_stay_over_homogeneous_operators(between: str, groups: int, multiplier: int) -> None:
    check(chain(1, BETWEEN[between], groups=groups, multiplier=multiplier), 1)


def test_ranges_of_a_pair_become_equal() -> None:
    made = check(chain(2, BETWEEN["relu"]), 1)
    first = np.abs(constant(made, "k1")).max(axis=(1, 2, 3))
    second = np.abs(constant(made, "k2")).max(axis=(0, 2, 3))
    assert np.allclose(first, second, rtol=1e-3)


def test_a_chain_of_three_with_a_depthwise_one_settles() -> None:
    random = np.random.default_rng(3)
    weights = {"k1": uneven(random, 6, 4, 1, 1), "k2": uneven(random, 6, 1, 3, 3), "k3": uneven(random, 5, 6, 1, 1)}
    nodes = [
        make("Conv", ["input", "k1"], ["a"], name="expand"),
        make("Relu", ["a"], ["ra"], name="ra"),
        make("Conv", ["ra", "k2"], ["b"], name="depthwise", group=6, pads=[1, 1, 1, 1]),
        make("Relu", ["b"], ["rb"], name="rb"),
        make("Conv", ["rb", "k3"], ["c"], name="project"),
        make("GlobalAveragePool", ["c"], ["p"], name="p"),
        make("Flatten", ["p"], ["logits"], name="f"),
    ]
    check(model_of(nodes, weights, SPACE, (5,)), 2)


@pytest.mark.parametrize("transposed", [0, 1])
def test_a_flattened_map_feeds_a_gemm(transposed: int) -> None:
    random = np.random.default_rng(4)
    head = random.normal(size=(3, 6 * 16) if transposed else (6 * 16, 3)).astype(np.float32)
    weights = {"k1": uneven(random, 6, 4, 3, 3), "b1": np.ones(6, np.float32), "head": head}
    nodes = [
        make("Conv", ["input", "k1", "b1"], ["a"], name="conv", pads=[1, 1, 1, 1]),
        make("Relu", ["a"], ["r"], name="r"),
        make("MaxPool", ["r"], ["p"], name="p", kernel_shape=[2, 2], strides=[2, 2]),
        make("Flatten", ["p"], ["f"], name="f"),
        make("Gemm", ["f", "head"], ["logits"], name="head_gemm", transB=transposed),
    ]
    check(model_of(nodes, weights, SPACE, (3,)), 1)


def test_dead_channels_stay_dead_and_finite() -> None:
    model = chain(5, BETWEEN["relu"])
    for tensor in model.graph.initializer:
        if tensor.name in ("k1", "k2"):
            value = constant(model, tensor.name).copy()
            value[(slice(2, 3),) if tensor.name == "k1" else (slice(None), slice(4, 5))] = 0
            tensor.CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))
    made = check(model, 1)
    assert np.isfinite(constant(made, "k1")).all()
    assert not constant(made, "k1")[2].any()


@pytest.mark.parametrize(
    ("between", "said"),
    [
        ([make("Clip", ["a", "zero", "six"], ["b"], name="relu6")], "relu6 clips from above"),
        ([make("Sigmoid", ["a"], ["b"], name="s")], "no two layers follow"),
        ([make("Relu", ["a"], ["x"], name="r"), make("Add", ["x", "a"], ["b"], name="s")], "no two layers follow"),
    ],
)
def test_what_is_not_homogeneous_or_branches_is_left_alone(between: list[Any], said: str) -> None:
    model = chain(6, between)
    assert said in " ".join(equalise(Equalise(), model, bench_of(model, rows())).refusals)


def test_weights_and_biases_that_others_use_keep_their_values() -> None:
    model = chain(7, BETWEEN["relu"], channels=4)
    model.graph.node.insert(0, make("Conv", ["input", "k1", "b1"], ["other"], name="other", pads=[1, 1, 1, 1]))
    model.graph.node[1].input[0] = "other"
    assert equalise(Equalise(), model, bench_of(model, rows())).refusals
    model.graph.node[0].input[1] = "own"
    model.graph.initializer.append(onnx.numpy_helper.from_array(constant(model, "k1") * 2, "own"))
    made = check(model, 2)
    assert len({node.input[2] for node in made.graph.node if len(node.input) > 2}) == 2


def test_one_layer_is_objected_to() -> None:
    subject = Subject("float", 10**6, 10**5, None, {"Conv": 1}, (), True, 100, 0, 0, False, False, 1, detect())
    assert any("two convolutions" in text for text in Equalise().objections(subject))
