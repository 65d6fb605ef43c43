"""What static quantization makes of a model: scopes, symmetry, bits, pins, hardware, tiny models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from ratchet_runners.documents.job import Objectives
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.hardware import PROFILES
from ratchet_runners.model.scoring import serialise
from ratchet_runners.quantize.static import place as placing
from ratchet_runners.quantize.static.channels import rounded, scales_of
from ratchet_runners.quantize.static.config import QuantizeStatic
from ratchet_runners.quantize.static.form import QuantizedForm
from ratchet_runners.quantize.static.islands import weighted_nodes
from ratchet_runners.quantize.static.layers import parts_of
from ratchet_runners.quantize.static.place import place
from support import build
from support_post_training import constants, encoder_case, image_case, moved, operators, recurrent_case, take


def optimised(model: onnx.ModelProto, folder: object) -> list[str]:
    """Operators that are left when ONNX Runtime has loaded the model."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = f"{folder}/optimised.onnx"
    options.log_severity_level = 4
    ort.InferenceSession(serialise(model), options, providers=["CPUExecutionProvider"])
    return operators(onnx.load(options.optimized_model_filepath))


@pytest.mark.parametrize(
    ("settings", "largest"),
    [
        ({}, 0.03),
        ({"method": "entropy"}, 0.2),
        ({"method": "mean-squared-error"}, 0.05),
        ({"per_channel": True, "weight_method": "mean-squared-error"}, 0.03),
        ({"activation_symmetry": "symmetric"}, 0.05),
        ({"weight_symmetry": "asymmetric"}, 0.03),
        ({"weight_bits": 4, "per_channel": True}, 0.25),
        ({"scope": "weights"}, 0.02),
        ({"scope": "weights", "weight_bits": 4}, 0.25),
        ({"scope": "activations"}, 0.03),
    ],
    ids=str,
)
def test_answers_stay_near(settings: dict[str, object], largest: float) -> None:
    model, bench = image_case()
    result = take(QuantizeStatic.model_validate(settings), model, bench)
    assert not result.refusals
    assert 0 < moved(model, result.model, bench) < largest


def test_requested_and_used_rows_are_told() -> None:
    model, bench = image_case(120)
    result = take(QuantizeStatic(calibration_rows=500), model, bench)
    assert result.figures["calibrationRowsRequested"] == 500
    assert result.figures["calibrationRows"] == 60
    assert any("60 rows where 500" in note for note in result.notes)


def test_four_bit_weights_are_stored_in_four_bits_and_multiplied_in_eight(tmp_path: object) -> None:
    model, bench = image_case()
    eight, four = (take(QuantizeStatic(weight_bits=bits), model, bench).model for bits in (8, 4))
    assert {"second", "head"} <= {name.removesuffix("_quantized") for name in constants(four, TensorProto.INT4)}
    assert len(serialise(four)) < len(serialise(eight))
    left = optimised(four, tmp_path)
    assert "QLinearConv" in left
    assert "Cast" not in left


def test_stored_weights_cost_nothing_once_loaded(tmp_path: object) -> None:
    model, bench = recurrent_case("GRU")
    stored = take(QuantizeStatic(scope="weights"), model, bench).model
    assert len(constants(stored, TensorProto.INT8)) == 2
    assert sorted(optimised(stored, tmp_path)) == sorted(optimised(model, tmp_path))
    assert moved(model, stored, bench) < 0.02


def test_what_no_eight_bit_product_takes_is_stored_unless_it_shall_stay() -> None:
    model, bench = recurrent_case("GRU")
    stored, left = (take(QuantizeStatic(rest=rest), model, bench) for rest in ("stored", "float"))
    assert stored.figures["storedWeights"] == 2
    assert len(serialise(stored.model)) < len(serialise(left.model))


def test_parts_of_an_encoder() -> None:
    model, _ = encoder_case()
    parts = parts_of(model, weighted_nodes(model))
    assert {name for name, found in parts.items() if "attention" in found} == {f"{name}_proj" for name in "qkvo"}
    assert {name for name, found in parts.items() if "feed-forward" in found} == {"up_proj", "down_proj"}
    assert [name for name, found in parts.items() if "last" in found] == ["head_proj"]
    assert [name for name, found in parts.items() if "first" in found] == ["q_proj"]


def test_pinned_parts_stay_in_floating_point() -> None:
    model, bench = encoder_case()
    result = take(QuantizeStatic(pins=("attention", "head_proj")), model, bench)
    assert {"q", "k", "v", "o", "head"} <= set(constants(result.model, TensorProto.FLOAT))
    assert result.figures["quantizedNodes"] == 2
    half = take(QuantizeStatic(pins=("attention",), pinned_as="half"), model, bench)
    assert len(constants(half.model, TensorProto.FLOAT16)) == 4


def test_a_pin_that_names_nothing_is_refused_with_what_there_is() -> None:
    model, bench = image_case()
    with pytest.raises(ModelUnusable) as refused:
        take(QuantizeStatic(pins=("atention",)), model, bench)
    assert "conv2" in refused.value.text()
    assert "attention" in refused.value.text()


def test_every_node_pinned_leaves_no_candidate() -> None:
    model, bench = image_case()
    assert take(QuantizeStatic(pins=("first", "last")), model, bench).refusals


@pytest.mark.parametrize(
    ("hardware", "kind", "weights"),
    [
        ("x86-avx512-vnni", TensorProto.UINT8, 127),
        ("x86-avx2", TensorProto.UINT8, 64),
        ("tensorrt", TensorProto.INT8, 127),
    ],
)
def test_the_hardware_decides_signs_and_range(hardware: str, kind: int, weights: int) -> None:
    model, bench = image_case()
    made = take(QuantizeStatic(), model, replace(bench, hardware=PROFILES[hardware])).model
    zeros = [tensor for tensor in made.graph.initializer if tensor.name in ("input_zero_point", "r1_zero_point")]
    assert {tensor.data_type for tensor in zeros} == {kind}
    if hardware == "tensorrt":
        assert all(onnx.numpy_helper.to_array(tensor) == 0 for tensor in zeros)
    (head,) = (tensor for tensor in made.graph.initializer if tensor.name == "head_quantized")
    assert np.abs(onnx.numpy_helper.to_array(head).astype(int)).max() == pytest.approx(weights, abs=1)


def test_products_give_floats_to_floats(tmp_path: object) -> None:
    """Rounding what a product gives to nodes in floating point would serve nobody."""
    model, bench = encoder_case()
    made = take(QuantizeStatic(), model, bench).model
    quantized = {node.input[0] for node in made.graph.node if node.op_type == "QuantizeLinear"}
    assert "logits" not in {name.split("_Quantize")[0] for name in quantized}
    assert "q_" not in quantized


def test_weights_that_cannot_have_channels_get_one_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime's quantizer fails on some weights with scales a channel: only these nodes do without."""
    model, _ = image_case()
    ranges = dict.fromkeys(("input", "c1", "r1", "c2", "sum", "r2", "p", "flat", "logits"), (-4.0, 4.0))
    real = placing.QDQQuantizer

    class Failing(real):
        def quantize_weight_tensor_per_channel(self, tensor_name: str, axis: int) -> None:
            if tensor_name == "second":
                raise ValueError("The truth value of an array with more than one element is ambiguous")
            super().quantize_weight_tensor_per_channel(tensor_name, axis)

    monkeypatch.setattr(placing, "QDQQuantizer", Failing)
    made = place(model, ["conv2", "head_gemm"], ranges, QuantizedForm(per_channel=True))
    scales = {tensor.name: int(np.prod(tensor.dims)) for tensor in made.graph.initializer}
    assert scales["second_scale"] == 1
    assert scales["head_scale"] == 4


@pytest.mark.parametrize("seed", range(5))
def test_scales_of_least_squares_are_never_worse_than_those_of_the_largest_weight(seed: int) -> None:
    weight = np.random.default_rng(seed).standard_t(3, (16, 40)).astype(np.float32)
    for axis in (None, 0, 1):
        for bits in (4, 8):
            plain, best = (rounded(weight, axis, bits, method) for method in ("min-max", "mean-squared-error"))
            assert ((best - weight) ** 2).sum() <= ((plain - weight) ** 2).sum() * (1 + 1e-6)


def test_a_channel_of_zeros_has_a_scale_that_divides() -> None:
    weight = np.zeros((3, 8), np.float32)
    weight[1] = 1
    assert (scales_of(weight, 0, 127, "mean-squared-error") > 0).all()
    np.testing.assert_allclose(rounded(weight, 0, 8), weight, rtol=1e-6)


def test_a_tiny_model_is_refused_by_what_was_measured_when_latency_is_capped() -> None:
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"], name="flatten"),
        helper.make_node("Gemm", ["flat", "w", "b"], ["logits"], name="gemm"),
    ]
    model = build(nodes, {"w": np.eye(64, 4, dtype=np.float32), "b": np.zeros(4, np.float32)})
    _, bench = image_case()
    capped = replace(bench, objectives=Objectives(maximum_latency_ratio=0.01))
    (reason,) = take(QuantizeStatic(), model, capped).refusals
    assert "260 weights" in reason
    assert "allowTiny" in reason
    assert not take(QuantizeStatic(allow_tiny=True), model, capped).refusals
    assert not take(QuantizeStatic(), model, bench).refusals
    easy = replace(bench, objectives=Objectives(maximum_latency_ratio=1000.0))
    assert take(QuantizeStatic(), model, easy).figures["tinyLatencyRatio"]
