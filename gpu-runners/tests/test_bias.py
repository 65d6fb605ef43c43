"""Bias correction: means of every channel come back, wherever the bias is held, and only where answers gain by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from ratchet_runners.model.graph import Graph
from ratchet_runners.model.hardware import detect
from ratchet_runners.quantize.bias.config import CorrectBias
from ratchet_runners.quantize.bias.places import add_to_bias
from ratchet_runners.quantize.bias.run import correct_bias
from ratchet_runners.quantize.counterpart import counterparts
from ratchet_runners.quantize.static.form import QuantizedForm
from ratchet_runners.technique import Subject
from support_quantize import answers, bench_of, correlated, model_of, placed

make = helper.make_node


def network(kind: str, seed: int = 0) -> tuple[onnx.ModelProto, np.ndarray]:
    """Two layers of a kind over inputs with a mean far from zero, so that rounded weights shift what comes out."""
    random = np.random.default_rng(seed)

    def values(*shape: int) -> np.ndarray:
        return random.normal(0, 0.3, shape).astype(np.float32)

    nodes, weights = {
        "conv": (
            [
                make("Conv", ["input", "k1", "b1"], ["c"], name="one", pads=[1, 1, 1, 1]),
                make("Relu", ["c"], ["r"], name="relu"),
                make("Conv", ["r", "k2", "b2"], ["d"], name="two"),
                make("GlobalAveragePool", ["d"], ["p"], name="pool"),
                make("Flatten", ["p"], ["logits"], name="flat"),
            ],
            {"k1": values(6, 4, 3, 3), "b1": values(6), "k2": values(5, 6, 3, 3), "b2": values(5)},
        ),
        "conv without bias": (
            [
                make("Conv", ["input", "k1"], ["c"], name="one", pads=[1, 1, 1, 1]),
                make("Relu", ["c"], ["r"], name="relu"),
                make("Conv", ["r", "k2"], ["d"], name="two", group=2),
                make("GlobalAveragePool", ["d"], ["p"], name="pool"),
                make("Flatten", ["p"], ["logits"], name="flat"),
            ],
            {"k1": values(6, 4, 3, 3), "k2": values(4, 3, 3, 3)},
        ),
        "gemm": (
            [
                make("Flatten", ["input"], ["x"], name="flat"),
                make("Gemm", ["x", "w1", "b1"], ["g"], name="one", transB=1),
                make("Relu", ["g"], ["r"], name="relu"),
                make("Gemm", ["r", "w2"], ["logits"], name="two", alpha=0.5),
            ],
            {"w1": values(12, 64), "b1": values(12), "w2": values(12, 5)},
        ),
        "matmul and add": (
            [
                make("Flatten", ["input"], ["x"], name="flat"),
                make("MatMul", ["x", "w1"], ["m"], name="one"),
                make("Add", ["m", "b1"], ["a"], name="bias"),
                make("Relu", ["a"], ["r"], name="relu"),
                make("MatMul", ["r", "w2"], ["logits"], name="two"),
            ],
            {"w1": values(64, 12), "b1": values(12), "w2": values(12, 5)},
        ),
    }[kind]
    rows = 1.0 + 0.3 * correlated(random, 200, 64).reshape(-1, 4, 4, 4)
    model = model_of(nodes, weights, (4, 4, 4), (weights[list(weights)[-1]].shape[-1] if "m" in kind else 5,), 21)
    return model, rows.astype(np.float32)


def four_bits(model: onnx.ModelProto, rows: np.ndarray, per_channel: bool = False) -> onnx.ModelProto:
    names = frozenset(node.name for node in model.graph.node if node.op_type in ("Conv", "Gemm", "MatMul"))
    return placed(model, rows, ("Conv", "Gemm", "MatMul"), QuantizedForm(per_channel=per_channel, four_bits=names))


@pytest.mark.parametrize("order", ["in-turn", "at-once"])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("kind", ["conv", "conv without bias", "gemm", "matmul and add"])
def test_means_come_back(kind: str, per_channel: bool, order: Any) -> None:
    model, rows = network(kind)
    quantized = four_bits(model, rows, per_channel)
    result = correct_bias(CorrectBias(order=order), quantized, bench_of(model, rows))
    onnx.checker.check_model(result.model)
    exact = answers(model, rows)
    before, after = (np.abs((answers(made, rows) - exact).mean(axis=0)) for made in (quantized, result.model))
    assert (result.figures["outputErrorAfter"] or 9) < (result.figures["outputErrorBefore"] or 0)
    # Corrections at once do not see each other; a product without an addition behind it keeps its own shift.
    assert after.mean() < (0.35 if order == "in-turn" and kind != "matmul and add" else 1) * before.mean()
    assert result.figures["layers"] == (1 if kind == "matmul and add" else 2)


def test_a_product_without_an_addition_is_named() -> None:
    model, rows = network("matmul and add")
    result = correct_bias(CorrectBias(), four_bits(model, rows), bench_of(model, rows))
    assert any("without a bias that could be corrected: two" in note for note in result.notes)


@pytest.mark.parametrize("kind", ["conv", "conv without bias", "gemm", "matmul and add"])
def test_a_shift_is_what_comes_out(kind: str) -> None:
    model, rows = network(kind, 1)
    quantized = placed(model, rows, ("Conv", "Gemm", "MatMul"))
    graph = Graph(quantized)
    pair = counterparts(graph, Graph(model))[0][0]
    tap = onnx.ModelProto()
    tap.CopyFrom(quantized)
    shift = np.linspace(-0.5, 0.5, pair.layer.outputs)
    changed = onnx.ModelProto()
    assert add_to_bias(graph, pair, shift)
    graph.sort()
    changed.CopyFrom(graph.model)
    name = "a" if kind == "matmul and add" else pair.layer.output
    outputs: list[np.ndarray] = []
    for one in (tap, changed):
        one.graph.output.insert(0, helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
        outputs.append(answers(one, rows[:8]))
    moved = np.moveaxis(outputs[1] - outputs[0], 1, -1) if "conv" in kind else outputs[1] - outputs[0]
    assert np.allclose(moved.reshape(-1, len(shift)).mean(axis=0), shift, atol=2e-3)


def test_what_brings_the_answers_no_nearer_is_taken_back() -> None:
    model, rows = network("gemm")
    quantized = four_bits(model, rows)
    bench = bench_of(model, rows)
    # The rows that choose are unlike those that the means are taken of.
    bench.rows.input[bench.split.select] *= -3
    result = correct_bias(CorrectBias(), quantized, bench)
    if not result.figures["kept"]:
        assert result.model.SerializeToString() == quantized.SerializeToString()
        assert any("taken back" in note for note in result.notes)
    assert (result.figures["kept"] == 1) == (
        (result.figures["outputErrorAfter"] or 0) < (result.figures["outputErrorBefore"] or 0)
    )


def test_one_row_is_enough_where_it_is_allowed() -> None:
    model, rows = network("conv")
    config = CorrectBias.model_validate({"calibrationRows": 1, "minimumRows": 1})
    result = correct_bias(config, four_bits(model, rows), bench_of(model, rows))
    assert np.isfinite(answers(result.model, rows)).all()


def test_a_float_model_is_objected_to_and_refused() -> None:
    subject = Subject("float", 10**6, 10**5, None, {"Conv": 2}, (), True, 100, 0, 0, False, False, 1, detect())
    assert any("form qdq" in text for text in CorrectBias().objections(subject))
    model, rows = network("conv")
    assert correct_bias(CorrectBias(), model, bench_of(model, rows)).refusals
