"""SmoothQuant: the answers stay, what eight bits lose gets less, and nothing is divided that somebody else takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from ratchet_runners.model.hardware import detect
from ratchet_runners.quantize.smooth.config import Smooth
from ratchet_runners.quantize.smooth.factors import Seen, best_factors, factors, quantization_error
from ratchet_runners.quantize.smooth.run import smooth
from ratchet_runners.technique import Subject
from support_quantize import answers, bench_of, constant, model_of, placed

WIDTH, OUT = 24, 6


def rows_of(seed: int = 0, count: int = 160) -> np.ndarray:
    """Two of the channels are far larger than the others, as in the activations of transformers."""
    random = np.random.default_rng(seed)
    scale = np.ones(WIDTH)
    scale[[3, 17]] = 60
    return (random.normal(size=(count, 5, WIDTH)) * scale).astype(np.float32)


def weight(seed: int, inputs: int, outputs: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.3, size=(inputs, outputs)).astype(np.float32)


def normed(pattern: str) -> onnx.ModelProto:
    """Something in front of two products that share their input; `pattern` says what."""
    outlier = np.ones(WIDTH, np.float32)
    outlier[[2, 9]] = 40
    weights = {
        "gain": outlier,
        "shift": weight(1, 1, WIDTH)[0],
        "first": weight(2, WIDTH, OUT),
        "second": weight(3, WIDTH, OUT),
        "before": weight(4, WIDTH, WIDTH) * outlier,
        "half": np.array(0.5, np.float32),
    }
    make = helper.make_node
    front = {
        "layer norm": [make("LayerNormalization", ["input", "gain", "shift"], ["x"], name="norm")],
        "decomposed": [
            make("Sigmoid", ["input"], ["s"], name="s"),
            make("Mul", ["s", "gain"], ["g"], name="g"),
            make("Add", ["shift", "g"], ["x"], name="a"),
        ],
        "product and relu": [
            make("MatMul", ["input", "before"], ["b"], name="b"),
            make("Add", ["b", "shift"], ["a"], name="a"),
            make("Relu", ["a"], ["x"], name="r"),
        ],
        "scalar": [
            make("Mul", ["input", "gain"], ["g"], name="g"),
            make("Gelu", ["g"], ["u"], name="u"),
            make("Mul", ["u", "half"], ["x"], name="m"),
        ],
        "nothing": [
            make("Mul", ["input", "gain"], ["g"], name="g"),
            make("Tanh", ["input"], ["t"], name="t"),
            make("Mul", ["t", "g"], ["x"], name="x"),
        ],
    }[pattern]
    nodes = [
        *front,
        make("MatMul", ["x", "first"], ["y"], name="y"),
        make("MatMul", ["x", "second"], ["z"], name="z"),
        make("Add", ["y", "z"], ["logits"], name="sum"),
    ]
    used = {name for node in nodes for name in node.input}
    return model_of(nodes, {name: value for name, value in weights.items() if name in used}, (5, WIDTH), (5, OUT), 20)


@pytest.mark.parametrize("alpha", [None, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("pattern", ["layer norm", "decomposed", "product and relu", "scalar", "nothing"])
def test_answers_stay_and_factors_go_into_constants(pattern: str, alpha: float | None) -> None:
    model, rows = normed(pattern), rows_of() / 10
    result = smooth(Smooth(alpha=alpha), model, bench_of(model, rows))
    exact = answers(model, rows)
    assert np.allclose(answers(result.model, rows), exact, atol=1e-4 * np.abs(exact).max())
    assert result.figures["inserted" if pattern == "nothing" else "folded"]
    assert len(result.model.graph.node) == len(model.graph.node) + (result.figures["inserted"] or 0)


def test_a_tensor_that_somebody_else_takes_is_not_divided_for_him() -> None:
    model = normed("layer norm")
    model.graph.node.append(helper.make_node("ReduceSum", ["x"], ["r"], name="r", keepdims=1))
    model.graph.node.append(helper.make_node("Add", ["sum_out", "r"], ["logits"], name="last"))
    next(node for node in model.graph.node if node.name == "sum").output[0] = "sum_out"
    rows = rows_of()
    result = smooth(Smooth(alpha=0.5), model, bench_of(model, rows))
    exact = answers(model, rows)
    assert np.allclose(answers(result.model, rows), exact, atol=1e-4 * np.abs(exact).max())
    assert result.figures["inserted"] == 1
    assert result.figures["folded"] == 0
    assert "nothing was smoothed" in smooth(Smooth(insert=False), model, bench_of(model, rows)).notes[0]


def quantized_error(model: onnx.ModelProto, rows: np.ndarray) -> float:
    exact = answers(model, rows)
    made = answers(placed(model, rows, ("MatMul",)), rows)
    return float(np.square(made - exact).mean() / np.square(exact).mean())


def test_a_static_quantization_loses_less_afterwards() -> None:
    model, rows = normed("layer norm"), rows_of(3) / 60
    result = smooth(Smooth(), model, bench_of(model, rows))
    assert (result.figures["errorRatio"] or 1) < 0.6
    assert quantized_error(result.model, rows) < 0.7 * quantized_error(model, rows)


@pytest.mark.parametrize("seed", range(6))
def test_the_search_never_chooses_what_is_worse(seed: int) -> None:
    random = np.random.default_rng(seed)
    width = int(random.integers(2, 40))
    rows = random.normal(size=(64, width)) * np.exp(random.normal(0, random.uniform(0, 3), width))
    rows[:, 0] = 0 if seed % 2 else 7.5
    weights = [random.normal(size=(width, int(random.integers(1, 9)))) for _ in range(2)]
    weights[0][-1] = weights[1][-1] = 0
    seen = Seen(rows.min(axis=0), rows.max(axis=0), [rows])
    plain = quantization_error(seen, weights, np.ones(width), 8, False)
    divisors, alpha = best_factors(seen, weights, 8, False, 0.0)
    if divisors is not None:
        assert alpha is not None
        assert (divisors > 0).all()
        assert quantization_error(seen, weights, divisors, 8, False) < plain


def test_alpha_one_makes_all_channels_alike_and_dead_ones_stay() -> None:
    largest = np.array([100.0, 1.0, 0.0, 4.0])
    weights = [np.array([[1.0], [2.0], [3.0], [0.0]])]
    found = factors(largest, weights, 1.0)
    assert found[2] == found[3] == 1
    assert np.isclose(100 / found[0], 1 / found[1], rtol=1e-5)


def test_transposed_gemm_and_one_row() -> None:
    random = np.random.default_rng(1)
    weights: dict[str, Any] = {"w": random.normal(size=(OUT, WIDTH)).astype(np.float32), "b": np.ones(OUT, np.float32)}
    nodes = [helper.make_node("Gemm", ["input", "w", "b"], ["logits"], name="g", transB=1, alpha=0.5)]
    model = model_of(nodes, weights, (WIDTH,), (OUT,))
    rows = rows_of()[:, 0]
    result = smooth(Smooth(alpha=0.7, calibration_rows=1, minimum_rows=1), model, bench_of(model, rows))
    exact = answers(model, rows)
    assert np.allclose(answers(result.model, rows), exact, atol=1e-4 * np.abs(exact).max())
    assert not np.allclose(constant(result.model, "w"), weights["w"])


def test_a_model_without_products_is_refused() -> None:
    subject = Subject("float", 10**6, 10**5, None, {"Conv": 2}, (), True, 100, 0, 0, False, False, 1, detect())
    assert any("no matrix product" in text for text in Smooth().objections(subject))
