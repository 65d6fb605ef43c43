"""Weights alone in fewer bits: what GPTQ, blocks and codebooks promise, and that the graph says the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from ratchet_runners.faults import DataUnusable
from ratchet_runners.model.hardware import detect
from ratchet_runners.model.scoring import serialise
from ratchet_runners.quantize.patches import patches
from ratchet_runners.quantize.weights.codebook import k_means
from ratchet_runners.quantize.weights.config import QuantizeWeights
from ratchet_runners.quantize.weights.gptq import gptq
from ratchet_runners.quantize.weights.levels import Blocks, loss, rounded
from ratchet_runners.quantize.weights.round import encode
from ratchet_runners.quantize.weights.run import quantize_weights
from ratchet_runners.technique import Subject
from support_quantize import answers, bench_of, correlated, model_of


def settings(**more: Any) -> QuantizeWeights:
    return QuantizeWeights.model_validate({"minimumWeights": 1, "accuracyLevel": 1, **more})


def moment_of(rows: np.ndarray) -> np.ndarray:
    return (rows.T @ rows / len(rows)).astype(np.float64)


def linear(width: int = 70, outputs: int = 24, seed: int = 0, kind: str = "MatMul", **attributes: Any) -> Any:
    """A product between two others that a step may want to leave alone, and correlated rows for it."""
    random = np.random.default_rng(seed)
    transposed = attributes.get("transB", 0)
    weight = random.normal(size=(outputs, width) if transposed else (width, outputs)).astype(np.float32)
    weights = {"weight": weight}
    inputs = ["input", "weight"]
    if kind == "Gemm":
        weights["bias"] = random.normal(size=outputs).astype(np.float32)
        inputs.append("bias")
    node = helper.make_node(kind, inputs, ["logits"], name="product", **attributes)
    return model_of([node], weights, (width,), (outputs,)), correlated(random, 200, width)


def convolution(groups: int = 1, seed: int = 0) -> Any:
    random = np.random.default_rng(seed)
    weights = {
        "kernel": random.normal(size=(8, 8 // groups, 3, 3)).astype(np.float32),
        "bias": random.normal(size=8).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["input", "kernel", "bias"], ["c"], name="conv", pads=[1, 1, 1, 1], group=groups),
        helper.make_node("ReduceMean", ["c"], ["logits"], name="mean", axes=[2, 3], keepdims=0),
    ]
    return model_of(nodes, weights, (8, 6, 6), (8,)), random.normal(size=(200, 8, 6, 6)).astype(np.float32)


@pytest.mark.parametrize("seed", range(8))
def test_gptq_is_never_worse_than_nearest_on_its_own_objective(seed: int) -> None:
    random = np.random.default_rng(seed)
    outputs, width = int(random.integers(1, 20)), int(random.integers(2, 150))
    weight = random.normal(size=(outputs, width)) * random.uniform(0.01, 10)
    rows = correlated(random, int(random.integers(1, 300)), width)
    for bits, symmetric, act_order in ((4, True, False), (4, False, True), (8, True, True)):
        for block in (0, 32, 128):
            config = settings(bits=bits, symmetric=symmetric, actOrder=act_order, block=block)
            made = encode(weight, moment_of(rows), config)
            assert made.loss <= made.nearest_loss
            assert np.isclose(made.loss, loss(weight - made.values, moment_of(rows)).sum())


def test_gptq_halves_the_error_where_inputs_hang_together() -> None:
    random = np.random.default_rng(0)
    made = encode(random.normal(size=(32, 128)), moment_of(correlated(random, 500, 128)), settings())
    assert made.loss < 0.5 * made.nearest_loss


def test_gptq_equals_nearest_where_inputs_are_independent() -> None:
    weight = np.random.default_rng(1).normal(size=(6, 40))
    levels = Blocks.of(weight, 4, 0, True, False)
    codes, _ = gptq(weight, np.eye(40), levels, 0.01, False)
    assert (codes == rounded(weight, levels)[0]).all()


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((50, 40), np.float32),
        np.ones((1, 40), np.float32),
        np.repeat(np.random.default_rng(0).normal(size=(50, 1)), 40, axis=1).astype(np.float32),
        np.random.default_rng(0).normal(size=(50, 40)).astype(np.float32) * (np.arange(40) % 2),
    ],
    ids=["dead", "one row", "rank one", "every second input dead"],
)
def test_gptq_takes_singular_hessians(rows: np.ndarray) -> None:
    weight = np.random.default_rng(2).normal(size=(5, 40))
    made = encode(weight, moment_of(rows), settings(block=0))
    assert np.isfinite(made.values).all()
    assert made.loss <= made.nearest_loss
    # A weight whose input was never seen must not run away.
    assert np.abs(made.values).max() <= np.abs(weight).max() * 1.2


def test_choosing_ranges_by_squared_error_helps_every_block() -> None:
    weight = np.random.default_rng(3).standard_t(3, size=(16, 128))
    errors = [
        np.square(rounded(weight, Blocks.of(weight, 4, 32, True, shrink))[1] - weight).sum() for shrink in (False, True)
    ]
    assert errors[1] < 0.95 * errors[0]


@pytest.mark.parametrize("form", ["blocks", "dequantize"])
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(("kind", "attributes"), [("MatMul", {}), ("Gemm", {"transB": 1}), ("Gemm", {"alpha": 0.5})])
def test_graph_answers_with_the_rounded_weights(
    form: str, bits: int, symmetric: bool, kind: str, attributes: dict[str, Any]
) -> None:
    model, rows = linear(width=64, kind=kind, **attributes)
    bench = bench_of(model, rows)
    result = quantize_weights(
        settings(form=form, bits=bits, symmetric=symmetric, block=32, algorithm="nearest"), model, bench
    )
    onnx.checker.check_model(result.model)
    exact, made = answers(model, rows), answers(result.model, rows)
    noise = np.square(made - exact).mean() / np.square(exact).mean()
    assert noise < (0.03 if bits == 4 else 1e-3)
    assert result.figures["outputError"] == pytest.approx(noise, rel=0.5)


def test_a_width_that_blocks_do_not_divide() -> None:
    model, rows = linear(width=70)
    exact = answers(model, rows)
    for form in ("blocks", "dequantize"):
        for symmetric in (True, False):
            config = settings(form=form, block=32, symmetric=symmetric, bits=8, algorithm="nearest")
            made = answers(quantize_weights(config, model, bench_of(model, rows)).model, rows)
            assert np.square(made - exact).mean() < 1e-3 * np.square(exact).mean()


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize(
    "more", [{"bits": 8}, {"bits": 4}, {"levels": "codebook", "bits": 4}, {"levels": "codebook", "books": 4}]
)
def test_convolutions_keep_their_answers(groups: int, more: dict[str, Any]) -> None:
    model, rows = convolution(groups)
    made = quantize_weights(settings(**more), model, bench_of(model, rows))
    exact = answers(model, rows)
    error = np.square(answers(made.model, rows) - exact).mean() / np.square(exact - exact.mean(0)).mean()
    assert error < (0.15 if more.get("bits") != 8 else 1e-3)
    assert any("unpacked when the model is loaded" in note for note in made.notes)


def test_patches_are_what_a_convolution_multiplies() -> None:
    random = np.random.default_rng(5)
    for groups, strides, dilations, automatic in (
        (1, [1, 1], [1, 1], "NOTSET"),
        (2, [2, 1], [1, 2], "NOTSET"),
        (4, [2, 2], [1, 1], "SAME_UPPER"),
        (1, [2, 2], [1, 1], "SAME_LOWER"),
    ):
        kernel = random.normal(size=(4, 4 // groups, 3, 2)).astype(np.float32)
        attributes: dict[str, Any] = {"group": groups, "strides": strides, "dilations": dilations}
        attributes |= {"pads": [1, 0, 2, 1]} if automatic == "NOTSET" else {"auto_pad": automatic}
        node = helper.make_node("Conv", ["input", "kernel"], ["logits"], **attributes)
        rows = random.normal(size=(3, 4, 9, 8)).astype(np.float32)
        exact = answers(model_of([node], {"kernel": kernel}, (4, 9, 8), (4, None, None)), rows)
        columns = patches(rows, kernel.shape, attributes, 0, 10**6)
        made = np.matmul(columns, kernel.reshape(groups, 4 // groups, -1).transpose(0, 2, 1))
        assert np.allclose(made.transpose(1, 0, 2).reshape(-1, 4), np.moveaxis(exact, 1, -1).reshape(-1, 4), atol=1e-4)


def test_k_means_beats_even_steps_and_keeps_few_values_exactly() -> None:
    values = np.random.default_rng(6).standard_t(3, size=4096)
    even = np.linspace(values.min(), values.max(), 16)
    found = k_means(values, np.ones(4096), 16)

    def error(centres: np.ndarray) -> float:
        return float(np.square(np.abs(values[:, None] - centres).min(axis=1)).mean())

    assert error(found) < 0.3 * error(even)
    assert set(k_means(np.array([3.0, 1.0, 3.0, 2.0]), np.ones(4), 16)) == {1.0, 2.0, 3.0}


def test_k_means_favours_what_matters() -> None:
    values = np.concatenate([np.linspace(-1, 0, 500), np.linspace(0, 1, 500)])
    importance = np.where(values > 0, 100.0, 1.0)
    found = k_means(values, importance, 16)
    assert (found > 0).sum() > 8


def test_four_bits_shrink_the_file_and_the_same_inputs_give_the_same_bytes() -> None:
    model, rows = linear(width=512, outputs=256)
    results = [quantize_weights(settings(accuracyLevel=4), model, bench_of(model, rows)) for _ in range(2)]
    assert serialise(results[0].model) == serialise(results[1].model)
    assert (results[0].figures["sizeRatio"] or 1) < 0.16
    assert (results[0].figures["lossOverNearest"] or 1) < 1


def test_shared_and_transposed_and_excluded_weights_stay() -> None:
    random = np.random.default_rng(7)
    weight = random.normal(size=(32, 32)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["input", "weight"], ["a"], name="first"),
        helper.make_node("MatMul", ["a", "weight"], ["logits"], name="second"),
    ]
    model = model_of(nodes, {"weight": weight}, (32,), (32,))
    rows = correlated(random, 100, 32)
    result = quantize_weights(settings(), model, bench_of(model, rows))
    assert "something else uses its weight" in " ".join(result.refusals)
    model, rows = linear()
    assert quantize_weights(settings(exclude=["product"]), model, bench_of(model, rows)).refusals


def test_too_few_rows_are_refused_only_where_rows_matter() -> None:
    model, rows = linear()
    with pytest.raises(DataUnusable, match="at least 32 rows"):
        quantize_weights(settings(), model, bench_of(model, rows[:20]))
    assert not quantize_weights(settings(algorithm="nearest"), model, bench_of(model, rows[:20])).refusals


def test_objections_and_advice() -> None:
    subject = Subject("float", 10**6, 10**5, None, {"LSTM": 2}, (), True, 100, 0, 0, False, False, 1, detect())
    assert any("no Conv or Gemm or MatMul" in text for text in QuantizeWeights().objections(subject))
    nodes = [helper.make_node("MatMul", ["input", "weight"], ["logits"], name="product")]
    weight = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    model = model_of(nodes, {"weight": weight}, (20, 64), (20, 8))
    rows = np.random.default_rng(0).normal(size=(80, 20, 64)).astype(np.float32)
    result = quantize_weights(settings(), model, bench_of(model, rows))
    assert any("dynamic eight-bit products" in note for note in result.notes)
