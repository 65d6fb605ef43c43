"""AdaRound on Q/DQ weights: never worse on its own objective, better where inputs hang together."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from ratchet_runners.model.graph import Graph
from ratchet_runners.model.normalise import normalise
from ratchet_runners.model.scoring import serialise
from ratchet_runners.quantize.bias.config import CorrectBias
from ratchet_runners.quantize.bias.run import correct_bias
from ratchet_runners.quantize.counterpart import counterparts
from ratchet_runners.quantize.rounding.adaround import Grid, round_adaptively
from ratchet_runners.quantize.rounding.config import RoundAdaptively
from ratchet_runners.quantize.rounding.objective import Moments, Objective
from ratchet_runners.quantize.rounding.run import round_weights
from ratchet_runners.quantize.static.config import QuantizeStatic
from ratchet_runners.quantize.static.form import QuantizedForm
from ratchet_runners.recipes.pipeline import take_steps
from support_quantize import answers, bench_of, constant, correlated, model_of, placed

make = helper.make_node


def network(seed: int = 0, groups: int = 1) -> tuple[onnx.ModelProto, np.ndarray]:
    """Two convolutions and a head over correlated images, with operator set 21 for four bits."""
    random = np.random.default_rng(seed)
    weights = {
        "k1": random.normal(0, 0.4, (8, 4, 3, 3)).astype(np.float32),
        "b1": random.normal(0, 0.2, 8).astype(np.float32),
        "k2": random.normal(0, 0.3, (12, 8 // groups, 3, 3)).astype(np.float32),
        "b2": random.normal(0, 0.2, 12).astype(np.float32),
        "head": random.normal(0, 0.4, (5, 12)).astype(np.float32),
        "hb": np.zeros(5, np.float32),
    }
    nodes = [
        make("Conv", ["input", "k1", "b1"], ["c1"], name="conv1", pads=[1, 1, 1, 1]),
        make("Relu", ["c1"], ["r1"], name="relu1"),
        make("Conv", ["r1", "k2", "b2"], ["c2"], name="conv2", strides=[2, 2], group=groups),
        make("Relu", ["c2"], ["r2"], name="relu2"),
        make("GlobalAveragePool", ["r2"], ["p"], name="pool"),
        make("Flatten", ["p"], ["f"], name="flat"),
        make("Gemm", ["f", "head", "hb"], ["logits"], name="gemm", transB=1),
    ]
    rows = correlated(random, 240, 4 * 36, 10).reshape(-1, 4, 6, 6)
    return model_of(nodes, weights, (4, 6, 6), (5,), 21), rows


def four_bits(model: onnx.ModelProto, rows: np.ndarray, per_channel: bool = False) -> onnx.ModelProto:
    names = frozenset(node.name for node in model.graph.node if node.op_type in ("Conv", "Gemm", "MatMul"))
    return placed(model, rows, ("Conv", "Gemm", "MatMul"), QuantizedForm(per_channel=per_channel, four_bits=names))


def problem(seed: int) -> tuple[np.ndarray, np.ndarray, Grid, Objective]:
    """A random layer in four bits whose quantized inputs differ a little from the float ones."""
    random = np.random.default_rng(seed)
    groups, outputs, width = (int(random.integers(1, most)) for most in (4, 12, 40))
    weight = random.normal(size=(groups, outputs, width))
    scale = np.full(weight.shape, np.abs(weight).max() / 7)
    count = int(random.integers(1, 150))
    x = np.stack([correlated(random, count, width) for _ in range(groups)])
    z = x + 0.05 * random.normal(size=x.shape)
    moments = Moments(groups, width)
    moments.add(x, z)
    objective = moments.objective(weight, 0.01, seed % 2 == 0)
    grid = Grid(scale, np.zeros_like(scale), -7.0, 7.0)
    return np.clip(np.rint(weight / scale), -7, 7), weight, grid, objective


@pytest.mark.parametrize("seed", range(6))
def test_rounding_is_never_worse_than_nearest_on_its_own_objective(seed: int) -> None:
    nearest, weight, grid, objective = problem(seed)
    for more in ({"iterations": 0}, {"iterations": 40}, {"iterations": 40, "polish": 0}, {"learning_rate": 10.0}):
        made = round_adaptively(
            nearest, weight, grid, objective, RoundAdaptively.model_validate({"iterations": 40, **more})
        )
        assert (objective.loss(grid.value(made)) <= objective.loss(grid.value(nearest)) + 1e-12).all()
        assert (made == np.rint(made)).all()
        assert np.abs(made).max() <= 7


def test_gradients_and_descent_each_beat_nearest() -> None:
    nearest, weight, grid, objective = problem(3)
    plain = objective.loss(grid.value(nearest)).sum()
    for more in ({"polish": 0, "iterations": 200}, {"iterations": 0}):
        made = round_adaptively(nearest, weight, grid, objective, RoundAdaptively.model_validate(more))
        assert objective.loss(grid.value(made)).sum() < 0.8 * plain


def test_gradient_alone_moves_a_weight_by_less_than_one_step() -> None:
    nearest, weight, grid, objective = problem(4)
    made = round_adaptively(nearest, weight, grid, objective, RoundAdaptively(polish=0, iterations=100))
    assert np.abs(made - np.clip(weight / grid.scale, -7, 7)).max() <= 1 + 1e-9


def test_the_gradient_is_that_of_the_loss() -> None:
    _, weight, _, objective = problem(5)
    direction = np.random.default_rng(0).normal(size=weight.shape)
    step = 1e-5
    rise = (objective.loss(weight + step * direction) - objective.loss(weight - step * direction)).sum() / (2 * step)
    assert np.isclose(rise, (objective.gradient(weight) * direction).sum(), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("groups", [1, 4])
def test_four_bit_models_answer_nearer_to_the_float_model(per_channel: bool, groups: int) -> None:
    model, rows = network(1, groups)
    quantized = four_bits(model, rows, per_channel)
    assert len(counterparts(Graph(quantized), Graph(model))[0]) == 3
    result = round_weights(RoundAdaptively(iterations=60), quantized, bench_of(model, rows))
    exact = answers(model, rows)
    before, after = (np.square(answers(made, rows) - exact).mean() for made in (quantized, result.model))
    assert after < 0.7 * before
    assert (result.figures["lossOverNearest"] or 1) < 0.9
    for name, old in ((node.input[0], node) for node in quantized.graph.node if node.op_type == "DequantizeLinear"):
        if any(tensor.name == name for tensor in quantized.graph.initializer):
            assert constant(result.model, name).dtype == constant(quantized, name).dtype, old.name


def test_bias_correction_knows_the_layers_of_a_rounded_model() -> None:
    model, rows = network(2)
    bench = bench_of(model, rows)
    rounded = round_weights(
        RoundAdaptively(iterations=0, correct_bias=False), placed(model, rows, ("Conv", "Gemm")), bench
    )
    assert correct_bias(CorrectBias(), rounded.model, bench).figures["layers"] == 3


def test_the_same_inputs_give_the_same_bytes() -> None:
    model, rows = network(2)
    quantized = four_bits(model, rows)
    config = RoundAdaptively(iterations=10)
    one, other = (round_weights(config, quantized, bench_of(model, rows)) for _ in range(2))
    assert serialise(one.model) == serialise(other.model)


def test_dead_channels_and_one_row_do_no_harm() -> None:
    model, rows = network(3)
    rows[:, 2] = 0
    quantized = four_bits(model, rows)
    config = RoundAdaptively.model_validate({"calibrationRows": 1, "minimumRows": 1, "iterations": 20})
    result = round_weights(config, quantized, bench_of(model, rows))
    assert np.isfinite(answers(result.model, rows)).all()
    assert (result.figures["outputErrorAfter"] or 0) <= (result.figures["outputErrorBefore"] or 0) or result.notes


def test_weights_of_another_model_are_not_reconstructed() -> None:
    model, rows = network(4)
    quantized = four_bits(model, rows)
    other, _ = network(5)
    result = round_weights(RoundAdaptively(iterations=0), quantized, bench_of(other, rows))
    assert "no quantized layer has a counterpart" in result.refusals[0]
    assert "do not stand for the weight" in " ".join(result.refusals)


def test_the_model_before_quantization_is_what_counts_not_the_source() -> None:
    model, rows = network(4)
    other, _ = network(5)
    bench = bench_of(other, rows)
    models: dict[str, Any] = {**bench.models, "float": model}
    result = round_weights(RoundAdaptively(iterations=0), four_bits(model, rows), bench_of(other, rows, models=models))
    assert result.figures["layers"] == 3


def test_a_weight_of_two_nodes_keeps_its_rounding() -> None:
    random = np.random.default_rng(6)
    nodes = [
        make("MatMul", ["input", "w"], ["a"], name="first"),
        make("Relu", ["a"], ["r"], name="relu"),
        make("MatMul", ["r", "w"], ["b"], name="second"),
        make("MatMul", ["b", "v"], ["logits"], name="third"),
    ]
    weights = {name: random.normal(size=(6, 6)).astype(np.float32) for name in ("w", "v")}
    model = model_of(nodes, weights, (6,), (6,), 21)
    rows = correlated(random, 120, 6, 3)
    result = round_weights(RoundAdaptively(iterations=0), placed(model, rows, ("MatMul",)), bench_of(model, rows))
    assert "something else uses its weight" in " ".join(result.notes)
    assert result.figures["layers"] == 1


def test_four_bits_that_are_full_do_not_overflow() -> None:
    model, rows = network(8)
    names = frozenset({"conv1", "conv2", "gemm"})
    form = QuantizedForm(four_bits=names, weight_method="mean-squared-error")
    quantized = placed(model, rows, ("Conv", "Gemm"), form)
    for pair in counterparts(Graph(quantized), Graph(model))[0]:
        assert pair.limits[1] <= 7
    result = round_weights(RoundAdaptively(iterations=20), quantized, bench_of(model, rows))
    assert result.figures["kept"] == 1


def test_integers_keep_to_the_range_that_the_quantizer_used() -> None:
    model, rows = network(7)
    quantized = placed(model, rows, ("Conv", "Gemm"), QuantizedForm(reduce_range=True))
    result = round_weights(RoundAdaptively(iterations=20), quantized, bench_of(model, rows))
    for tensor in result.model.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if value.dtype == np.int8 and value.ndim > 1:
            assert np.abs(value.astype(int)).max() <= 64


@pytest.mark.parametrize(
    "then", [[RoundAdaptively(iterations=50)], [CorrectBias()], [RoundAdaptively(), CorrectBias()]]
)
def test_four_bit_weights_as_the_recipe_leaves_them_are_still_found(then: list[Any]) -> None:
    """`quantize-static` ends with a cast between the four-bit constant and its scale, which loading folds."""
    model, rows = network(4)
    bench = bench_of(model, rows)
    first = QuantizeStatic(weight_bits=4, allow_tiny=True, exclude_sensitive=0)
    plain = normalise(model, rows[:32], bench.contract, 1)
    done = take_steps([first], plain, bench)
    made = take_steps([first, *then], plain, bench)
    assert any(node.op_type == "Cast" for node in done.model.graph.node)
    assert made.refusals == ()
    assert [step.figures["layers"] for step in made.steps[1:]] == [3.0] * len(then)
    truth = answers(model, rows)
    assert np.square(answers(made.model, rows) - truth).mean() < np.square(answers(done.model, rows) - truth).mean()
