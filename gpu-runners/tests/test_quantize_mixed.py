"""Sensitivity from one pass, and widths for every layer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from ratchet_runners.documents.job import Classification, Objectives
from ratchet_runners.model.scoring import score, serialise
from ratchet_runners.quantize.calibration.calibration import calibrate
from ratchet_runners.quantize.calibration.observing import float_tensors
from ratchet_runners.quantize.calibration.ranges import Method
from ratchet_runners.quantize.mixed import sensitivity
from ratchet_runners.quantize.mixed.config import QuantizeMixed
from ratchet_runners.quantize.mixed.loss import divergence
from ratchet_runners.quantize.mixed.search import fewest_steps, promoted, promotions
from ratchet_runners.quantize.mixed.sensitivity import Sensitivity, sensitivities
from ratchet_runners.quantize.mixed.simulation import Simulation
from ratchet_runners.quantize.static.fake import with_rounded_activations
from ratchet_runners.quantize.static.form import QuantizedForm
from ratchet_runners.quantize.static.islands import weighted_nodes
from support_post_training import constants, encoder_case, image_case, moved, take


def simulated() -> tuple[Simulation, list[str], dict[str, tuple[float, float]], object, object]:
    model, bench = encoder_case()
    weighted = weighted_nodes(model)
    tensors = float_tensors(model, weighted)
    ranges, _ = calibrate(model, tensors, bench.split.train, 32, False, bench).ranges(Method(), 4.0)
    form = QuantizedForm(per_channel=True)
    return Simulation(model, weighted, ranges, form, bench.contract, 1), weighted, ranges, model, bench


def test_nothing_quantized_is_the_model_itself_and_all_rounded_is_what_pairs_would_do() -> None:
    simulation, weighted, ranges, model, bench = simulated()
    rows = bench.rows.input[:40]
    np.testing.assert_allclose(
        simulation.answers({}, rows), score(model, rows, bench.contract, 1), rtol=1e-5, atol=1e-5
    )
    pairs = with_rounded_activations(model, weighted, ranges, QuantizedForm(per_channel=True))
    rounded = score(pairs, rows, bench.contract, 1)
    everything = simulation.answers(dict.fromkeys(weighted, 8), rows)
    assert np.abs(everything - rounded).max() < 0.05 * np.abs(rounded).max()
    assert np.abs(everything - rounded).max() > 0


def test_fewer_bits_lose_more_and_the_ranking_names_the_worst_first() -> None:
    simulation, weighted, _, _, bench = simulated()
    ranked, cut = sensitivities(simulation, weighted, (4, 8), bench.rows.input[:64], bench, lambda *_: None)
    assert not cut
    assert sorted(item.node for item in ranked) == sorted(weighted)
    assert all(item.loss[4] > 2 * item.loss[8] for item in ranked[:5])
    losses = [max(item.loss.values()) for item in ranked]
    assert losses == sorted(losses, reverse=True)


def test_many_nodes_are_measured_in_groups_first(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation, weighted, _, _, bench = simulated()
    runs: list[int] = []
    answers = simulation.answers
    monkeypatch.setattr(simulation, "answers", lambda bits, rows: runs.append(len(bits)) or answers(bits, rows))
    monkeypatch.setattr(sensitivity, "MANY", 4)
    monkeypatch.setattr(sensitivity, "GROUPS", 4)
    ranked, _ = sensitivities(simulation, weighted, (8,), bench.rows.input[:32], bench, lambda *_: None)
    assert len(ranked) == len(weighted) == 7
    assert sum(item.shared for item in ranked) >= 2
    assert len(runs) < 1 + len(weighted) + 4
    one_by_one, _ = sensitivities(simulation, weighted[:4], (8,), bench.rows.input[:32], bench, lambda *_: None)
    alone = {item.node: item.loss[8] for item in one_by_one}
    assert all(item.shared or item.loss[8] == alone.get(item.node, item.loss[8]) for item in ranked)


def test_promotions_climb_every_ladder_and_take_the_worst_bargain_last() -> None:
    ranked = [
        Sensitivity("a", {4: 1.0, 8: 0.1}, {}),
        Sensitivity("b", {4: 0.5, 8: 0.0}, {}),
        Sensitivity("c", {4: 0.01, 8: 0.0}, {}),
    ]
    narrowest, steps = promotions(ranked, (16, 4, 8), {"a": 100, "b": 10, "c": 100})
    assert narrowest == {"a": 4, "b": 4, "c": 4}
    assert [(step.node, step.width) for step in steps][:2] == [("b", 8), ("a", 8)]
    assert promoted(narrowest, steps, len(steps)) == {"a": 16, "b": 16, "c": 16}
    for node in "abc":
        assert [step.width for step in steps if step.node == node] == [8, 16]


@pytest.mark.parametrize("needed", [0, 1, 7, 19, 20])
def test_halving_finds_the_fewest_steps_with_few_trials(needed: int) -> None:
    tried: list[int] = []

    def loss(count: int) -> float:
        tried.append(count)
        return 0.0 if count >= needed else 1.0

    assert fewest_steps(20, loss, 0.5) == (needed, 0.0)
    assert len(tried) <= 7


def test_no_mixture_is_found_where_even_the_widest_loses_too_much() -> None:
    assert fewest_steps(20, lambda _: 1.0, 0.5) is None


def test_a_mixture_keeps_to_the_allowed_loss_and_less_loss_takes_more_bytes(tmp_path: Path) -> None:
    model, bench = encoder_case(tmp_path)
    made = {share: take(QuantizeMixed(maximum_loss=share), model, bench) for share in (0.0, 0.02, 1.0)}
    for share, result in made.items():
        assert not result.refusals
        assert result.figures["selectionLoss"] <= share
    sizes = [len(serialise(result.model)) for result in made.values()]
    assert sizes[0] >= sizes[1] >= sizes[2]
    assert made[1.0].figures["nodesOf4Bits"] == 7
    assert made[0.0].figures["nodesOf4Bits"] < 7
    content = json.loads((tmp_path / "sensitivity.json").read_text())
    assert {entry["node"] for entry in content} == set(weighted_nodes(model))
    assert set(content[0]["divergence"]) == {"4", "8"}


def test_the_objectives_decide_where_nothing_else_does() -> None:
    model, bench = encoder_case(objectives=Objectives(maximum_loss=1.0))
    assert take(QuantizeMixed(), model, bench).figures["nodesOf4Bits"] == 7


def test_pinned_layers_get_the_widest_and_eight_bits_cannot_do_what_is_asked() -> None:
    model, bench = encoder_case()
    result = take(QuantizeMixed(pins=("attention",), maximum_loss=1.0), model, bench)
    assert len(constants(result.model, TensorProto.FLOAT16)) == 4
    refused = take(QuantizeMixed(widths=(4,), maximum_loss=0.0), model, bench)
    assert "4 bits for every layer" in refused.refusals[0]
    assert refused.model.graph.node[0].op_type == "Gather"


def test_the_same_inputs_give_the_same_mixture() -> None:
    model, bench = image_case()
    one, other = (take(QuantizeMixed(maximum_loss=0.01), model, bench) for _ in range(2))
    assert serialise(one.model) == serialise(other.model)
    assert (one.figures, one.notes) == (other.figures, other.notes)
    assert moved(model, one.model, bench) < 0.3


def test_divergence_knows_logits_from_probabilities_and_broken_answers() -> None:
    _, bench = image_case()
    assert isinstance(bench.contract.task, Classification)
    logits = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    shifted = logits + 3
    assert divergence(logits, shifted, bench.contract) == pytest.approx(0, abs=1e-6)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    other = np.roll(logits, 1, axis=1)
    others = np.exp(other) / np.exp(other).sum(axis=1, keepdims=True)
    expected = divergence(logits, other, bench.contract)
    assert divergence(probabilities, others, bench.contract) == pytest.approx(expected, rel=1e-3)
    assert divergence(logits, logits * np.nan, bench.contract) == float("inf")
