"""`prune-channels` and `prune-weights` as steps of a recipe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from pydantic import ValidationError

import ratchet_runners.prune.channels.run as channels
from ratchet_runners.faults import DataUnusable, ModelUnusable
from ratchet_runners.model.scoring import agreement, predictions, score, serialise
from ratchet_runners.prune.channels.config import PruneChannels
from ratchet_runners.prune.weights.config import PruneWeights
from ratchet_runners.registry import technique_of
from support import images, network
from support_prune import answers, bench_of, transformer

ROWS, LABELS = images(300, 21)
QUICK = {"round_steps": 8, "final_steps": 24, "importance_rows": 64, "repair_rows": 64, "learning_rate": 4e-3}


def prune(config, model: onnx.ModelProto, **bench):
    return technique_of(config)[1](config, model, bench_of(model, **bench))


def agreeing(model: onnx.ModelProto, other: onnx.ModelProto) -> float:
    bench = bench_of(model, 8)
    one, two = (predictions(score(each, ROWS, bench.contract, 1), bench.contract) for each in (model, other))
    return float(agreement(one, two, bench.contract) or 0.0)


@pytest.mark.parametrize("importance", ["taylor", "activation", "magnitude"])
def test_half_of_the_channels_go_and_the_answers_stay(importance: str) -> None:
    model = network()
    result = prune(PruneChannels(ratio=0.5, importance=importance, **QUICK), model)
    assert not result.refusals
    assert result.figures["removedWeights"] > 0.45 * (result.figures["weights"] + result.figures["removedWeights"])
    assert result.figures["bytes"] == len(serialise(result.model)) < model.ByteSize()
    assert result.figures["rounds"] == 3
    assert agreeing(model, result.model) > 0.97
    assert list(result.model.graph.input) == list(model.graph.input)
    assert list(result.model.graph.output) == list(model.graph.output)


def test_the_same_inputs_give_the_same_bytes() -> None:
    config = PruneChannels(**QUICK)
    one, other = (prune(config, network(), labelled=50) for _ in range(2))
    assert serialise(one.model) == serialise(other.model)


@pytest.mark.parametrize(("target", "figure", "share"), [("target_macs", "macs", 0.4), ("target_size", "bytes", 0.6)])
def test_targets_are_reached(target: str, figure: str, share: float) -> None:
    config = PruneChannels(**{target: share}, retrain=False, width_multiple=1, minimum_width=2)
    figures = prune(config, network()).figures
    removed = figures["removedMacs"] if figure == "macs" else figures["removedBytes"]
    assert figures[figure] <= share * (figures[figure] + removed)
    assert figures[figure] > 0.5 * share * (figures[figure] + removed)


def test_a_target_out_of_reach_is_told() -> None:
    result = prune(PruneChannels(target_macs=0.01, retrain=False), network())
    assert any("cannot be reached" in note for note in result.notes)


def test_without_training_one_round_is_repaired_in_closed_form(monkeypatch) -> None:
    monkeypatch.setattr(channels, "find_spec", lambda name: None)
    result = prune(PruneChannels(ratio=0.5), network())
    assert result.figures["rounds"] == 1
    assert any("torch is not installed" in note for note in result.notes)
    assert any("ranked by activations" in note for note in result.notes)
    damaged = prune(PruneChannels(ratio=0.5, retrain=False, repair_rows=0, importance="activation"), network())
    assert agreeing(network(), result.model) >= agreeing(network(), damaged.model)
    assert agreeing(network(), result.model) > 0.8


def test_time_that_runs_out_is_told_and_leaves_a_whole_model() -> None:
    bench = bench_of(network(), wall=0.5)
    result = technique_of(config := PruneChannels(**QUICK))[1](config, network(), replace(bench, wall_seconds=0.01))
    assert any("time limit" in note for note in result.notes)
    assert np.isfinite(answers(result.model, ROWS)).all()


def test_layers_as_narrow_as_a_block_are_refused_with_the_way_out() -> None:
    result = prune(PruneChannels(width_multiple=16), network())
    assert "widthMultiple" in result.refusals[0]
    scoped = prune(PruneChannels(scope=("heads",)), network())
    assert "within the scope" in scoped.refusals[0]


def test_heads_and_feed_forward_go_by_scope() -> None:
    model = transformer(1)
    rows = np.random.default_rng(3).normal(size=(120, 6, 16)).astype(np.float32)
    bench = bench_of(model, 120)
    contract = bench.contract.model_copy(
        update={"input": bench.contract.input.model_copy(update={"shape": (-1, 6, 16)})}
    )
    bench = replace(bench, contract=contract, rows=replace(bench.rows, input=rows))
    for scope, units in (("heads", 3), ("feedForward", 40)):
        config = PruneChannels(ratio=0.4, scope=(scope,), retrain=False)
        result = technique_of(config)[1](config, model, bench)
        changed = [note for note in result.notes if "units, now" in note]
        assert changed
        assert all(f" {units} units" in note for note in changed) or scope == "feedForward"
        assert result.figures["removedWeights"] > 0


def test_wrong_wishes_are_refused_before_anything_runs() -> None:
    with pytest.raises(ValidationError, match="one of ratio"):
        PruneChannels(ratio=0.5, target_macs=0.5)
    with pytest.raises(ModelUnusable, match="No such layers"):
        prune(PruneChannels(skip_layers=("nowhere",)), network())
    with pytest.raises(DataUnusable, match="at least 32 rows"):
        prune(PruneChannels(), network(), count=20)


@pytest.mark.parametrize("ranking", ["layer", "global"])
def test_zeroed_weights_are_sold_as_no_speed(ranking: str) -> None:
    model = network()
    result = prune(PruneWeights(ratio=0.7, ranking=ranking), model)
    assert result.figures["speedGain"] == 0.0
    assert result.figures["zeroWeights"] == pytest.approx(0.7 * result.figures["weights"], abs=2)
    assert result.figures["compressedBytes"] < 0.6 * result.figures["compressedBytesBefore"]
    assert len(serialise(result.model)) == len(serialise(model))
    assert any("no product faster" in note for note in result.notes)


def test_the_smallest_weights_go() -> None:
    result = prune(PruneWeights(ratio=0.5), network())
    before, after = (_constant(model, "second") for model in (network(), result.model))
    assert np.abs(before[after == 0]).max() <= np.abs(before[after != 0]).min()
    np.testing.assert_array_equal(before[after != 0], after[after != 0])


def test_two_of_four_keeps_the_two_largest_and_says_where() -> None:
    result = prune(PruneWeights(pattern="2:4"), network())
    weight = np.moveaxis(_constant(result.model, "second"), 1, -1).reshape(-1, 4)
    assert ((weight != 0).sum(axis=1) == 2).all()
    (entry,) = result.model.metadata_props
    assert entry.value.split() == ["2:4", "second", "head"]
    assert any("stayed as they were" in note for note in result.notes)


def _constant(model: onnx.ModelProto, name: str) -> np.ndarray:
    return next(onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name == name)
