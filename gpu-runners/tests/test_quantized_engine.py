"""Fake quantization against its formulas, and the folded graph against the simulation, on ONNX Runtime."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from ratchet_runners.engine.parity import Parity, parity
from ratchet_runners.engine.quantized import QuantizedModule, masters_of, trainable_module
from ratchet_runners.engine.quantized_function import Compensation, Grid, fake_quantize
from ratchet_runners.engine.quantized_layout import layout_of
from ratchet_runners.engine.quantized_masters import back_to_float
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.scoring import session_of
from ratchet_runners.quantize.aware.ranges import MovingRanges
from support_quantized import bench_of, build, digits, placed, trained

FORMS = [
    {},
    {"per_channel": True},
    {"bits": 4},
    {"bits": 4, "per_channel": True, "weight_method": "mean-squared-error"},
    {"bits": 4, "cast": False},
    {"unsigned_activations": False, "symmetric_activations": True},
    {"reduce_range": True},
]


def served(model: onnx.ModelProto, rows: np.ndarray) -> np.ndarray:
    session = session_of(model.SerializeToString(), 1)
    return session.run(None, {session.get_inputs()[0].name: rows})[0]


def as_written(model: onnx.ModelProto, rows: np.ndarray) -> np.ndarray:
    """Without fusions: ONNX Runtime rounds float data to eight bits for a product with some kinds of stored weights."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": rows})[0]


def simulated(module: QuantizedModule, rows: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return module(torch.from_numpy(rows)).numpy()


def constant(model: onnx.ModelProto, name: str) -> np.ndarray:
    return next(numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name == name)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_an_untouched_graph_comes_back_as_it_was(form: dict) -> None:
    source = trained()
    model = placed(source, **form)
    assert QuantizedModule(model, "input", "logits").write_back() == model
    assert QuantizedModule(model, "input", "logits", source).write_back() == model


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_any_state_folds_to_what_was_simulated(form: dict) -> None:
    """Scales, weights and biases moved at random: integers and scales must say the same to ONNX Runtime."""
    model, rows = placed(trained(), **form), digits()[0][:400]
    module = QuantizedModule(model, "input", "logits", trained())
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.learned:
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        for parameter in module.masters:
            parameter.mul_(1 + 0.05 * torch.randn(parameter.shape, generator=generator))
    written = module.write_back()
    onnx.checker.check_model(written)
    answers, expected = served(written, rows), simulated(module, rows)
    assert (answers.argmax(1) == expected.argmax(1)).mean() >= 0.995
    assert np.abs(answers - expected).max() <= 0.05 * np.abs(answers).max()
    assert [node.SerializeToString() for node in written.graph.node] == [
        node.SerializeToString() for node in model.graph.node
    ]
    assert [(tensor.name, tensor.data_type, tensor.dims) for tensor in written.graph.initializer] == [
        (tensor.name, tensor.data_type, tensor.dims) for tensor in model.graph.initializer
    ]
    packed = [tensor for tensor in written.graph.initializer if tensor.data_type == TensorProto.INT4 and tensor.dims]
    assert all(tensor.raw_data for tensor in packed)
    assert bool(packed) == (form.get("bits") == 4)


def test_four_bit_weights_served_as_floats_are_exact_to_the_bit() -> None:
    """A product of small integers by powers of two has no rounding: simulation and server must be equal."""
    random = np.random.default_rng(0)
    weights = {
        "q": random.integers(-8, 8, (16, 10)).astype(ml_dtypes.int4),
        "s": np.float32(0.25) * np.ones((), np.float32),
        "z": np.zeros((), ml_dtypes.int4),
        "xs": np.full((), 0.125, np.float32),
        "xz": np.full((), 3, np.uint8),
    }
    node = helper.make_node
    nodes = [
        node("AveragePool", ["input"], ["p"], name="p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], ["flat"], name="f"),
        node("QuantizeLinear", ["flat", "xs", "xz"], ["xq"], name="xq"),
        node("DequantizeLinear", ["xq", "xs", "xz"], ["xd"], name="xd"),
        node("DequantizeLinear", ["q", "s", "z"], ["w"], name="wd"),
        node("MatMul", ["xd", "w"], ["logits"], name="mm"),
    ]
    model, rows = build(nodes, weights), digits()[0][:50] * 8 - 1
    module = QuantizedModule(model, "input", "logits")
    np.testing.assert_array_equal(served(model, rows), simulated(module, rows))
    with torch.no_grad():
        module.master("q").add_(torch.randn(16, 10, generator=torch.Generator().manual_seed(0)) * 0.3)
    written = module.write_back()
    assert not np.array_equal(constant(written, "q"), constant(model, "q"))
    np.testing.assert_array_equal(served(written, rows), simulated(module, rows))


@pytest.mark.parametrize(
    ("kind", "axis", "block"),
    [("int4", 0, 4), ("uint4", 0, 8), ("int8", 1, 0), ("uint8", 0, 4), ("int16", 0, 0), ("int8", 0, 5)],
)
def test_blocks_channels_and_types(kind: str, axis: int, block: int) -> None:
    """Weights of each type, by block along an axis (the last block may be cut) or by channel, with zero points."""
    random = np.random.default_rng(1)
    low, high = {"int4": (-8, 7), "uint4": (0, 15), "int8": (-128, 127), "uint8": (0, 255), "int16": (-999, 999)}[kind]
    dtype = getattr(ml_dtypes, kind, None) or np.dtype(kind)
    shape = (16, 10)
    count = [-(-size // block) if at == axis else size for at, size in enumerate(shape)] if block else [shape[axis]]
    weights = {
        "q": random.integers(low, high, shape, endpoint=True).astype(dtype),
        "s": random.uniform(0.01, 0.1, count).astype(np.float32),
        "z": random.integers(max(low, -3), 4, count).astype(dtype),
    }
    attributes = {"axis": axis, **({"block_size": block} if block else {})}
    nodes = [
        helper.make_node("AveragePool", ["input"], ["p"], name="p", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["flat"], name="f"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], name="wd", **attributes),
        helper.make_node("MatMul", ["flat", "w"], ["logits"], name="mm"),
    ]
    model, rows = build(nodes, weights), digits()[0][:20]
    module = QuantizedModule(model, "input", "logits")
    assert module.write_back() == model
    np.testing.assert_allclose(simulated(module, rows), as_written(model, rows), rtol=1e-4, atol=1e-4)
    loss = module(torch.from_numpy(rows)).square().mean()
    loss.backward()
    assert module.learned[0].grad is not None
    assert module.learned[0].grad.shape == torch.Size(count)
    with torch.no_grad():
        module.learned[0].add_(0.2)
        module.master("q").mul_(0.9)
    np.testing.assert_allclose(simulated(module, rows), as_written(module.write_back(), rows), rtol=1e-4, atol=1e-4)


def values(seed: int, count: int = 400) -> torch.Tensor:
    return torch.randn(count, generator=torch.Generator().manual_seed(seed)).double() * 3


@pytest.mark.parametrize(("low", "high"), [(-8.0, 7.0), (0.0, 15.0), (-3.0, 12.0)])
def test_the_gradient_towards_the_step_is_that_of_lsq(low: float, high: float) -> None:
    """Esser et al. 2020, equation 3: -v/s + round(v/s) inside, the bound outside; towards v 1 inside and 0 outside."""
    x, upstream = values(0).requires_grad_(), values(1)
    scale = torch.tensor(0.37, dtype=torch.float64, requires_grad=True)
    (fake_quantize(x, scale, Grid(low, high, 0.125)) * upstream).sum().backward()
    u = x.detach().numpy() / 0.37
    slope = np.where(u <= low, low, np.where(u >= high, high, np.rint(u) - u))
    np.testing.assert_allclose(float(scale.grad), 0.125 * (slope * upstream.numpy()).sum(), rtol=1e-9)
    np.testing.assert_allclose(x.grad.numpy(), upstream.numpy() * ((u > low) & (u < high)))


def test_the_gradients_are_those_of_the_surrogate_by_finite_differences() -> None:
    """With each number's rounding error (or bound) held, the function is smooth, and LSQ is its exact gradient."""
    x, upstream, scale, low, high = values(2), values(3), 0.61, -5.0, 6.0
    u = x / scale
    inside = (u > low) & (u < high)
    error = torch.round(u) - u

    def surrogate(x: torch.Tensor, scale: float) -> torch.Tensor:
        held = torch.where(inside, x / scale + error, torch.where(u <= low, low, high))
        return (held * scale * upstream).sum()

    step = torch.tensor(scale, dtype=torch.float64, requires_grad=True)
    leaf = x.clone().requires_grad_()
    (fake_quantize(leaf, step, Grid(low, high)) * upstream).sum().backward()
    h = 1e-6
    numeric = (surrogate(x, scale + h) - surrogate(x, scale - h)) / (2 * h)
    np.testing.assert_allclose(float(step.grad), float(numeric), rtol=1e-6)
    for position in range(0, 400, 40):
        nudge = torch.zeros_like(x)
        nudge[position] = h
        numeric = (surrogate(x + nudge, scale) - surrogate(x - nudge, scale)) / (2 * h)
        np.testing.assert_allclose(float(leaf.grad[position]), float(numeric), rtol=1e-5, atol=1e-8)


def test_compensation_adds_curvature_times_rounding_error() -> None:
    x, upstream = values(4), values(5)
    scale = torch.tensor(0.5, dtype=torch.float64)

    def gradient(compensation: Compensation) -> np.ndarray:
        leaf = x.clone().requires_grad_()
        (fake_quantize(leaf, scale, Grid(-8.0, 7.0, 1.0, compensation)) * upstream).sum().backward()
        return leaf.grad.numpy()

    plain = gradient(Compensation())
    u = x.numpy() / 0.5
    rest = u - np.clip(np.rint(u), -8, 7)
    np.testing.assert_allclose(gradient(Compensation("fixed", 0.3)), plain * (1 + 0.3 * np.sign(plain) * rest))
    strength = 0.01 * 32 * np.sqrt(np.mean((upstream.numpy() * 0.5) ** 2)) / 3
    adaptive = gradient(Compensation("adaptive", 0.01, 32))
    np.testing.assert_allclose(adaptive, plain * (1 + strength * np.sign(plain) * rest), rtol=1e-6)
    # Of a quadratic whose minimum lies between two integers, the corrected gradient points to it from either side.
    assert np.abs(gradient(Compensation("adaptive", 1e9, 32)) - plain).max() <= np.abs(plain).max() * 0.5 + 1e-9


def test_progressive_widths_nest_their_grids() -> None:
    coarse, fine = Grid(-8.0, 7.0), Grid(-8.0, 7.0).finer(4)
    assert (fine.low, fine.high) == (-128.0, 127.0)
    x, scale = values(6), torch.tensor(0.5)
    on_coarse = fake_quantize(x, scale, coarse)
    torch.testing.assert_close(fake_quantize(on_coarse, scale / 16, fine), on_coarse)
    assert (fake_quantize(x, scale / 16, fine) - x).abs().mean() < (on_coarse - x).abs().mean()


def test_biases_keep_to_the_product_of_the_steps_and_shared_scales_stay_shared() -> None:
    model = placed(trained(), per_channel=True)
    module = QuantizedModule(model, "input", "logits")
    layout = layout_of(model)
    users = [use.numbers.scale for use in layout.activations]
    assert len(layout.biases) == 5
    assert len(users) > len(set(users))  # what a pooling takes and gives has one scale
    assert len(module.quantizer_parameters) == len(layout.weights) + len(set(users))
    with torch.no_grad():
        for number, parameter in enumerate(module.learned):
            parameter.fill_(0.01 * (number + 1))
    written = module.write_back()
    for bias in layout.biases:
        product = constant(written, bias.data_scale) * constant(written, bias.weight_scale)
        np.testing.assert_allclose(constant(written, bias.scale), product.reshape(-1), rtol=1e-6)
        old = constant(model, bias.tensor) * constant(model, bias.scale).astype(np.float64)
        new = constant(written, bias.tensor) * constant(written, bias.scale).astype(np.float64)
        assert np.abs(new - old).max() <= constant(written, bias.scale).max() * 0.51


def test_masters_come_from_the_source_and_go_back_to_it() -> None:
    source = trained()
    model = placed(source, bits=4)
    module = QuantizedModule(model, "input", "logits", source)
    for weight in layout_of(model).weights:
        name = {"w1_quantized": "w1", "w2_quantized": "w2", "head_quantized": "head"}.get(weight.tensor)
        if name:
            inside = np.abs(constant(source, name)) <= 7 * float(module.scale(weight.numbers.scale).detach())
            np.testing.assert_allclose(
                module.master(weight.tensor).detach().numpy()[inside], constant(source, name)[inside], atol=2e-4
            )
    with torch.no_grad():
        module.master("w2_quantized").add_(1.0)
    back = back_to_float(source, model, layout_of(model), masters_of(module))
    assert constant(back, "w2").mean() > constant(source, "w2").mean() + 0.9
    np.testing.assert_allclose(constant(back, "w1"), constant(source, "w1"), atol=0.05)


def test_a_source_of_other_weights_is_not_mixed_in() -> None:
    source = trained()
    model = placed(source)
    other = onnx.ModelProto()
    other.CopyFrom(source)
    for tensor in other.graph.initializer:
        value = numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array((value * 3).astype(value.dtype), tensor.name))
    assert QuantizedModule(model, "input", "logits", other).write_back() == model


def test_weights_within_seven_bits_stay_there() -> None:
    model = placed(trained(), reduce_range=True)
    module = QuantizedModule(model, "input", "logits")
    with torch.no_grad():
        for parameter in module.masters:
            parameter.mul_(5)
    written = module.write_back()
    for weight in layout_of(model).weights:
        assert np.abs(constant(written, weight.tensor).astype(int)).max() <= 64


def test_moving_ranges_begin_with_what_was_placed_and_keep_zero_points() -> None:
    module = QuantizedModule(placed(trained()), "input", "logits")
    use = module.layout_of_pairs[1][1]  # behind a Relu that ONNX Runtime left out: its zero point is the lowest integer
    placed_step = float(module.scale(use.numbers.scale).detach())
    ranges = MovingRanges(module, 0.9)
    ranges.place()
    assert float(module.scale(use.numbers.scale).detach()) == pytest.approx(placed_step)
    ranges.watch(use, torch.tensor([-50.0, 2.55 * 2]))
    ranges.place()
    expected = 0.9 * placed_step + 0.1 * 2.55 * 2 / 255
    assert float(module.scale(use.numbers.scale).detach()) == pytest.approx(expected, rel=1e-5)
    written = module.write_back()
    assert constant(written, use.numbers.scale.replace("scale", "zero_point")) == 0


def test_a_float_graph_needs_no_quantized_module() -> None:
    assert not isinstance(trainable_module(trained(), "input", "logits"), QuantizedModule)
    assert isinstance(trainable_module(placed(trained()), "input", "logits"), QuantizedModule)


def test_integers_that_nothing_turns_back_are_refused() -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["input", "s", "z"], ["q"], name="q"),
        helper.make_node("Cast", ["q"], ["f"], name="c", to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["f"], ["flat"], name="f"),
        helper.make_node("MatMul", ["flat", "w"], ["logits"], name="m"),
    ]
    weights = {"s": np.float32(0.1).reshape(()), "z": np.zeros((), np.uint8), "w": np.ones((64, 10), np.float32)}
    module = QuantizedModule(build(nodes, weights), "input", "logits")
    with pytest.raises(ModelUnusable) as refusal:
        module(torch.from_numpy(digits()[0][:2]))
    assert "q" in refusal.value.text()


def test_parity_holds_and_a_difference_is_a_refusal() -> None:
    bench = bench_of()
    module = QuantizedModule(placed(trained()), "input", "logits")
    found = parity(module, module.write_back(), bench.split.select, bench)
    assert found.refusals == ()
    assert found.rows == len(bench.split.select)
    with torch.no_grad():
        module.master("head_quantized").mul_(-1.0)
    turned = parity(module, placed(trained()), bench.split.select, bench)
    assert "another class" in turned.refusals[0]
    assert Parity(100, None, 0.2).refusals
    assert not Parity(100, None, 0.01).refusals
    assert Parity(100, None, float("nan")).refusals
