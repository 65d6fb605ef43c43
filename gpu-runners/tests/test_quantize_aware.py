"""Quantization-aware training as a step: from a float model, or a quantized one, to integers that were trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from ratchet_runners.distil.config import Distil
from ratchet_runners.distil.run import distil
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.engine.quantized_layout import layout_of
from ratchet_runners.faults import DataUnusable, ModelUnusable
from ratchet_runners.model.scoring import score, serialise
from ratchet_runners.quantize.aware.config import FakeQuantized, QuantizeAware
from ratchet_runners.quantize.aware.placing import widths_of
from ratchet_runners.quantize.aware.run import quantize_aware
from ratchet_runners.quantize.aware.training import width_at
from ratchet_runners.registry import StepResult
from ratchet_runners.technique import HardwareProfile, Subject
from support_quantized import CONTRACT, bench_of, digits, placed, trained, unbalanced

ALL_FOUR = {"bits": 4, "ends": "same", "widths": {"conv1": 4}}


def settings(steps: int = 8, **more: object) -> FakeQuantized:
    return FakeQuantized.model_validate({"steps": steps, "evaluate_every": max(1, steps // 4), **more})


def taken(config: QuantizeAware, model: onnx.ModelProto | None = None, **more: object) -> StepResult:
    source = trained()
    bench = bench_of(models={"reference": source, "source": source}, **more)
    return quantize_aware(config, source if model is None else model, bench)


def accuracy(model: onnx.ModelProto) -> float:
    """On rows that no step sees."""
    bench = bench_of()
    rows, labels = (each[bench.split.held_back] for each in digits())
    return float((score(model, rows, bench.contract, 1).argmax(axis=1) == labels).mean())


def bits_of(model: onnx.ModelProto) -> dict[str, int]:
    return {weight.tensor.removesuffix("_quantized"): weight.numbers.bits for weight in layout_of(model).weights}


def test_training_without_labels_brings_four_bits_a_tensor_back() -> None:
    """The rule of the reference figures: what plain rounding loses, training mostly wins back."""
    source = unbalanced()
    bench = bench_of(models={"source": source})
    before = placed(source, bits=4)
    result = quantize_aware(QuantizeAware(**ALL_FOUR, training=settings(120, learning_rate=2e-3)), source, bench)
    assert not result.refusals
    lost, kept = accuracy(source) - accuracy(before), accuracy(source) - accuracy(result.model)
    assert lost >= 0.2
    assert kept <= 0.03
    assert result.figures["parityAgreement"] >= 0.995
    assert result.figures["selectionLoss"] < 0.5 * result.figures["startLoss"]
    assert result.figures["labelledRows"] == 0
    kinds = {tensor.data_type for tensor in result.model.graph.initializer if len(tensor.dims) > 1}
    assert kinds == {TensorProto.INT4}


def test_the_same_inputs_give_the_same_bytes() -> None:
    one, other = (taken(QuantizeAware(**ALL_FOUR, training=settings(6))) for _ in range(2))
    assert serialise(one.model) == serialise(other.model)
    assert one.figures == other.figures


def test_a_training_that_only_does_harm_leaves_the_start() -> None:
    model = placed(trained())
    result = taken(QuantizeAware(training=settings(3, learning_rate=1.0, quantizer_learning_rate=1.0)), model)
    assert result.model == model
    assert result.figures["bestEvaluation"] == 0


def test_a_quantized_model_keeps_its_widths_and_topology() -> None:
    model = placed(trained(), bits=4, per_channel=True)
    result = taken(QuantizeAware(training=settings(8)), model)
    assert [node.SerializeToString() for node in result.model.graph.node] == [
        node.SerializeToString() for node in model.graph.node
    ]
    assert result.model != model
    assert bits_of(result.model) == bits_of(model)


def test_distillation_trains_a_quantized_model_where_it_is() -> None:
    model, source = placed(trained(), bits=4), trained()
    result = distil(Distil(epochs=1), model, bench_of(models={"reference": source, "source": source}))
    assert not result.refusals
    assert result.model != model
    assert [node.SerializeToString() for node in result.model.graph.node] == [
        node.SerializeToString() for node in model.graph.node
    ]


def test_no_time_gives_what_rounding_gives_and_says_so() -> None:
    result = taken(QuantizeAware(), wall_seconds=1e-3)
    assert any("time limit" in note for note in result.notes)
    assert accuracy(result.model) >= accuracy(trained()) - 0.02


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {"w2": 8, "w3": 8, "wd": 8, "head": 8}),
        ({"bits": 4}, {"w2": 4, "w3": 4, "wd": 4, "head": 8}),
        ({"bits": 4, "ends": "float"}, {"w2": 4, "w3": 4, "wd": 4}),
        (ALL_FOUR, {"w1": 4, "w2": 4, "w3": 4, "wd": 4, "head": 4}),
        ({"bits": 4, "widths": {"last": 4, "conv3": 8, "depthwise": "float"}}, {"w2": 4, "w3": 8, "head": 4}),
    ],
)
def test_widths_by_layer_and_at_the_ends(config: dict, expected: dict[str, int]) -> None:
    """A first convolution over one channel stays in floating point unless it is named: it is the first layer."""
    assert bits_of(taken(QuantizeAware(**config, training=settings(1))).model) == expected


def test_a_width_for_nothing_is_refused() -> None:
    with pytest.raises(ModelUnusable) as refusal:
        widths_of(QuantizeAware(widths={"conv9": 4}), trained())
    assert "conv2" in refusal.value.text()


def test_a_model_left_in_floating_point_is_no_candidate() -> None:
    widths = dict.fromkeys(("conv2", "conv3", "depthwise", "head"), "float")
    assert taken(QuantizeAware(widths=widths)).refusals


@pytest.mark.parametrize(
    "training",
    [
        {"scales": "ema", "averaging": 0.9},
        {"scales": "fixed"},
        {"warm_up": 0.5},
        {"gradient_compensation": "fixed"},
        {"gradient_compensation": "adaptive", "compensation_strength": 1.0},
        {"progressive_widths": (8, 6)},
    ],
    ids=str,
)
def test_every_way_of_training_comes_nearer_to_the_teacher(training: dict) -> None:
    result = taken(QuantizeAware(**ALL_FOUR, training=settings(24, **training)))
    assert not result.refusals
    assert result.figures["selectionLoss"] < result.figures["startLoss"]


def test_fixed_scales_stay_and_learned_ones_move() -> None:
    model = placed(trained(), bits=4)
    moved = {}
    for scales in ("fixed", "learned"):
        result = taken(QuantizeAware(training=settings(8, scales=scales)), model)
        before, after = (
            {tensor.name: tensor for tensor in each.graph.initializer if tensor.name.endswith("_scale")}
            for each in (model, result.model)
        )
        followed = {bias.scale for bias in layout_of(model).biases}
        moved[scales] = sum(before[name] != after[name] for name in before if name not in followed)
    assert moved["fixed"] == 0
    assert moved["learned"] >= 5


def test_progressive_widths_fall_and_end_at_the_weights_own() -> None:
    config = settings(100, progressive_widths=(8, 6), progressive_share=0.5)
    widths = [width_at(config, step, 100) for step in range(100)]
    assert widths == [8] * 25 + [6] * 25 + [0] * 50


def test_labels_count_where_there_are_some() -> None:
    with_labels, without = (
        taken(QuantizeAware(**ALL_FOUR, training=settings(6, alpha=0.2)), labelled=labelled) for labelled in (1797, 0)
    )
    assert with_labels.figures["labelledRows"] > 1000
    assert serialise(with_labels.model) != serialise(without.model)


def test_held_back_rows_are_not_touched() -> None:
    source = trained()
    bench = bench_of(models={"source": source})
    spoiled = bench.rows.input.copy()
    spoiled[bench.split.held_back] = np.nan
    other = replace(bench, rows=replace(bench.rows, input=spoiled))
    config = QuantizeAware(training=settings(4))
    assert serialise(quantize_aware(config, source, bench).model) == serialise(
        quantize_aware(config, source, other).model
    )


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(DataUnusable):
        taken(QuantizeAware(minimum_rows=60_000))


def test_a_regression_is_trained_by_its_error() -> None:
    """The digit's ten answers as one number: any output of one column is a regression."""
    contract = {**CONTRACT, "task": {"kind": "regression"}}
    source = trained()
    bench = bench_of(contract=contract, models={"source": source})
    result = quantize_aware(QuantizeAware(**ALL_FOUR, training=settings(24)), source, bench)
    assert not result.refusals
    assert result.figures["parityAgreement"] is None
    assert result.figures["selectionLoss"] < result.figures["startLoss"]


def subject(form: str = "float", **more: object) -> Subject:
    hardware = HardwareProfile("x86-avx2", frozenset(), 8, True, True)
    values = {
        "form": form, "size_bytes": 1 << 20, "weights": 1 << 18, "macs": 10**7, "operators": {}, "untrainable": (),
        "classification": True, "rows": 1000, "labelled": 0, "replay": 0, "teacher": False, "builder": False,
        "threads": 1, "hardware": hardware, "installed": frozenset({"torch"}),
    }  # fmt: skip
    return Subject(**{**values, **more})


def test_objections_before_anything_runs() -> None:
    assert QuantizeAware().objections(subject()) == ()
    assert QuantizeAware().after(subject()).form == "qdq"
    assert "torch" in QuantizeAware().objections(subject(installed=frozenset()))[0]
    assert "half" in QuantizeAware().objections(subject("half"))[0]
    assert QuantizeAware(training=settings(progressive_widths=(8,))).objections(subject())
    assert QuantizeAware(bits=4, training=settings(progressive_widths=(6, 8))).objections(subject())
    assert QuantizeAware(bits=4).objections(subject("qdq"))


def test_the_contract_is_kept() -> None:
    from ratchet_runners.model.load import contract_faults

    result = taken(QuantizeAware(bits=4, training=settings(2)))
    assert contract_faults(result.model, ModelContract.model_validate(CONTRACT)) == []
