"""One loop of pruning, fake quantization and distillation: smaller, in integers, and near its teacher."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from ratchet_runners.engine.quantized_layout import layout_of
from ratchet_runners.joint.config import Joint
from ratchet_runners.joint.run import joint
from ratchet_runners.model.scoring import score, serialise
from ratchet_runners.quantize.aware.config import FakeQuantized, QuantizeAware
from ratchet_runners.quantize.aware.ranges import ranges_of
from ratchet_runners.registry import StepResult
from support_quantized import bench_of, digits, trained


def config_of(steps: int, bits: int = 8, training: dict | None = None, **more: object) -> Joint:
    settings = FakeQuantized.model_validate(
        {"steps": steps, "evaluate_every": max(1, steps // 6), "learning_rate": 3e-3, **(training or {})}
    )
    quantize = QuantizeAware.model_validate({"bits": bits, "training": settings})
    return Joint.model_validate({"quantize": quantize, "width_multiple": 4, "minimum_width": 4, "rounds": 2, **more})


def taken(config: Joint, **more: object) -> StepResult:
    source = trained()
    return joint(config, source, bench_of(models={"source": source}, **more))


def accuracy(model: onnx.ModelProto) -> float:
    bench = bench_of()
    rows, labels = (each[bench.split.held_back] for each in digits())
    return float((score(model, rows, bench.contract, 1).argmax(axis=1) == labels).mean())


def shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    return {
        tensor.name.removesuffix("_quantized"): tuple(tensor.dims)
        for tensor in model.graph.initializer
        if tensor.data_type in (TensorProto.INT8, TensorProto.INT4) and len(tensor.dims) > 1
    }


def test_half_of_the_channels_in_eight_bits_still_know_the_digits() -> None:
    result = taken(config_of(120, ratio=0.5, rounds=3))
    assert not result.refusals
    assert accuracy(result.model) >= accuracy(trained()) - 0.06
    assert len(serialise(result.model)) < 0.5 * len(serialise(trained()))
    assert result.figures["parityAgreement"] >= 0.995
    before = {tensor.name: tuple(tensor.dims) for tensor in trained().graph.initializer}
    after = shapes(result.model)
    assert sum(np.prod(after[name]) for name in after) <= 0.45 * sum(np.prod(before[name]) for name in after)
    onnx.checker.check_model(result.model, full_check=True)


def test_residual_and_depthwise_widths_agree_and_keep_to_their_multiple() -> None:
    after = shapes(taken(config_of(6, ratio=0.4)).model)
    assert after["w2"][0] == after["w3"][0] == after["w3"][1] == after["wd"][0]
    assert after["w2"][0] % 4 == 0
    assert after["head"][1] == 4 * after["wd"][0]


def test_four_bits_and_pruning_at_once() -> None:
    result = taken(config_of(60, bits=4, ratio=0.25, training={"progressive_widths": (8, 6)}))
    assert not result.refusals
    widths = {weight.tensor: weight.numbers.bits for weight in layout_of(result.model).weights}
    assert sorted(set(widths.values())) == [4, 8]  # the last layer keeps eight
    assert accuracy(result.model) >= accuracy(trained()) - 0.1


def test_the_same_inputs_give_the_same_bytes() -> None:
    one, other = (taken(config_of(6)) for _ in range(2))
    assert serialise(one.model) == serialise(other.model)
    assert one.figures == other.figures


def test_rounds_go_on_from_trained_weights_and_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second round's graph is the first one's, trained and cut, with the ranges that training found."""
    from ratchet_runners.joint import run

    placed: list[tuple[onnx.ModelProto, dict]] = []
    found: list[dict] = []

    def noting(config, plain, bench, carried):
        placed.append((plain, dict(carried)))
        return place(config, plain, bench, carried)

    def ranges(module):
        found.append(ranges_of(module))
        return found[-1]

    place = run.place_pairs
    monkeypatch.setattr(run, "place_pairs", noting)
    monkeypatch.setattr(run, "ranges_of", ranges)
    taken(config_of(24, ratio=0.5, repair_rows=0))
    assert placed[0][1] == {}
    assert placed[1][1] == found[0]
    first, second = (
        {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer} for model, _ in placed
    )
    assert second["w2"].shape[0] < first["w2"].shape[0]
    kept = {array.tobytes() for array in first["wd"]}
    assert not any(array.tobytes() in kept for array in second["wd"])


def test_without_time_the_rounds_still_give_a_whole_graph() -> None:
    result = taken(config_of(60), wall_seconds=1e-3)
    assert any("time limit" in note for note in result.notes)
    onnx.checker.check_model(result.model, full_check=True)


def test_nothing_to_prune_is_a_refusal() -> None:
    assert "narrow" in taken(config_of(6, width_multiple=64)).refusals[0]


def test_objections_are_those_of_its_parts() -> None:
    from test_quantize_aware import subject

    assert Joint().objections(subject()) == ()
    assert Joint().after(subject()).form == "qdq"
    assert Joint().objections(subject("qdq"))
    assert config_of(6, training={"progressive_widths": (8,)}).objections(subject())
