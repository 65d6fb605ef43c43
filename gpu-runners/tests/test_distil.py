"""Distillation: what the student is pulled towards, what it starts as, and that it learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from ratchet_runners.distil import losses
from ratchet_runners.distil.champion import warm_start
from ratchet_runners.distil.config import Distil
from ratchet_runners.distil.cuts import cut_tensors
from ratchet_runners.distil.derive import residual_blocks, shallower, without_block
from ratchet_runners.distil.pairing import feature_pairs
from ratchet_runners.distil.run import distil
from ratchet_runners.distil.warm_start import dequantized
from ratchet_runners.engine.parity import Parity
from ratchet_runners.engine.quantized_layout import is_quantized
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.scoring import score, serialise
from ratchet_runners.quantize.static.config import QuantizeStatic
from ratchet_runners.quantize.static.run import quantize_static
from support import images, network
from support_distil import (
    CONTRACT_OF_IMAGES,
    accuracy_of,
    bench_of,
    drifted_rows,
    residual_network,
    taught_network,
    with_constant,
)

QUICK: dict[str, Any] = {"epochs": 2, "trial": "never"}


def answers(model: onnx.ModelProto, rows: np.ndarray) -> np.ndarray:
    return score(model, rows, CONTRACT_OF_IMAGES, 1)


def batch(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


@pytest.mark.parametrize(
    ("loss", "shape"),
    [
        (losses.features, (6, 4, 5, 5)),
        (losses.attention_maps, (6, 4, 5, 5)),
        (losses.distances, (6, 7)),
        (losses.angles, (6, 7)),
        (losses.similarities, (6, 7)),
    ],
)
def test_equal_tensors_cost_nothing_and_others_something(loss: Any, shape: tuple[int, ...]) -> None:
    one, other = batch(*shape, seed=1), batch(*shape, seed=2)
    assert float(loss(one, one)) == pytest.approx(0, abs=1e-6)
    assert float(loss(one, other)) > 1e-3


def test_relations_do_not_see_rotation_scale_and_width() -> None:
    """What is compared is how rows lie to each other, whatever the axes."""
    rows = batch(8, 5)
    turned = torch.linalg.qr(batch(9, 9, seed=3))[0][:5]
    for loss in (losses.distances, losses.angles):
        assert float(loss(rows, 3.0 * rows @ turned)) == pytest.approx(0, abs=1e-5)


def test_attention_maps_do_not_see_channels() -> None:
    maps = batch(4, 6, 5, 5)
    assert float(losses.attention_maps(maps, 2 * maps[:, torch.randperm(6)])) == pytest.approx(0, abs=1e-5)


def test_attention_of_other_head_counts_is_compared_by_its_mean() -> None:
    heads = torch.softmax(batch(3, 4, 6, 6), dim=-1)
    mean = heads.mean(dim=1, keepdim=True)
    assert float(losses.attention_probabilities(mean, heads, 3)) == pytest.approx(0, abs=1e-5)
    assert float(losses.attention_probabilities(heads.flatten(0, 1), heads.flatten(0, 1), 3)) == pytest.approx(
        0, abs=1e-5
    )


def test_soft_targets_of_probabilities_are_those_of_their_logits() -> None:
    logits = batch(5, 4)
    as_probabilities = losses.as_logits(torch.softmax(logits, dim=1))
    torch.testing.assert_close(torch.softmax(as_probabilities, dim=1), torch.softmax(logits, dim=1))
    assert losses.as_logits(logits) is logits


def test_cuts_are_the_tensors_without_a_way_around() -> None:
    assert cut_tensors(Graph(network()), "logits") == ["c1", "r1", "sum", "r2", "p", "flat"]


def test_pairs_take_the_end_of_each_stage_at_equal_depth() -> None:
    deep, shallow = residual_network((0.1, 0.1, 0.1, 0.1)), residual_network((0.1,), width=4)
    bench = bench_of({})
    pairs = [(match.student.name, match.teacher.name) for match in feature_pairs(shallow, deep, 3, bench)]
    assert pairs == [("x1", "x4"), ("p", "p"), ("flat", "flat")][: len(pairs)]
    assert len(pairs) >= 2


def test_the_block_that_does_least_is_left_out_first() -> None:
    model = residual_network((0.2, 0.001, 0.15))
    bench = bench_of({})
    assert [block.end for block in residual_blocks(model, bench)] == ["sum0", "sum1", "sum2"]
    made = shallower(model, 2 / 3, 64, bench, lambda fraction: None)
    assert made.dropped == ("sum1",)
    rows = images(20, 3)[0]
    np.testing.assert_allclose(answers(made.model, rows), answers(model, rows), atol=0.2)
    assert "kernel1" not in {tensor.name for tensor in made.model.graph.initializer}


def test_leaving_out_a_block_is_as_if_it_added_nothing() -> None:
    model = residual_network((0.2, 0.3))
    block = residual_blocks(model, bench_of({}))[1]
    silent = with_constant(model, "kernel1", np.zeros((8, 8, 3, 3), np.float32))
    rows = images(20, 3)[0]
    np.testing.assert_allclose(answers(without_block(model, block), rows), answers(silent, rows), atol=1e-5)


def test_without_residual_blocks_no_shallower_student_is_promised() -> None:
    nodes = [helper.make_node("Flatten", ["input"], ["flat"], name="flatten")]
    nodes.append(helper.make_node("MatMul", ["flat", "head"], ["logits"], name="head_matmul"))
    from support import build

    model = build(nodes, {"head": np.zeros((64, 4), np.float32)})
    with pytest.raises(ModelUnusable, match="0 residual blocks"):
        shallower(model, 0.5, 32, bench_of({}), lambda fraction: None)


def test_a_student_learns_the_drift_without_labels_and_forgets_nothing() -> None:
    student, teacher = network(), taught_network()
    bench = bench_of({"source": student, "teacher": teacher})
    made = distil(Distil(epochs=4), student, bench)
    assert made.refusals == ()
    assert accuracy_of(student, turned=True) < 0.5
    assert accuracy_of(made.model, turned=True) >= 0.9
    assert accuracy_of(made.model, turned=False) >= accuracy_of(student, turned=False) - 0.02
    assert made.figures["labelledRows"] == 0
    again = distil(Distil(epochs=4), student, bench)
    assert serialise(again.model) == serialise(made.model)


@pytest.mark.parametrize(
    "terms",
    [
        {"features": {"weight": 0.5}},
        {"attention": {"weight": 5}},
        {"relations": {"weight": 1}},
        {"relations": {"weight": 1, "kind": "similarity"}},
        {"features": {"pairs": [{"student": "r1", "teacher": "x1"}]}, "augmentation": "noise"},
    ],
)
def test_every_term_works_with_a_teacher_of_another_form(terms: dict[str, Any]) -> None:
    """The teacher is deeper and narrower inside: widths are projected, and only the student is written back."""
    student, teacher = network(), taught_network(base=residual_network((0.1, 0.1)))
    bench = bench_of({"source": student, "teacher": teacher}, drifted_rows(300, 150))
    made = distil(Distil.model_validate({**QUICK, **terms}), student, bench)
    assert [tensor.name for tensor in made.model.graph.initializer] == [
        tensor.name for tensor in student.graph.initializer
    ]
    assert accuracy_of(made.model, turned=True) > accuracy_of(student, turned=True) + 0.1


def test_pairs_that_no_graph_has_are_named() -> None:
    student = network()
    config = Distil.model_validate({**QUICK, "features": {"pairs": [{"student": "nowhere", "teacher": "r1"}]}})
    with pytest.raises(ModelUnusable) as fault:
        distil(config, student, bench_of({"source": student}))
    assert "nowhere" in fault.value.text()


def test_a_teacher_that_knows_nothing_is_refused_before_anything_is_trained() -> None:
    student, teacher = network(), taught_network()
    head = next(tensor for tensor in teacher.graph.initializer if tensor.name == "head")
    shuffled = with_constant(teacher, "head", np.roll(onnx.numpy_helper.to_array(head), 1, axis=1))
    made = distil(Distil(epochs=1000), student, bench_of({"source": student, "teacher": shuffled}))
    assert "out of its depth" in made.refusals[0]
    assert made.model is student


def test_a_derived_student_is_smaller_and_learns_from_its_source() -> None:
    source = taught_network(base=residual_network((0.1, 0.05, 0.1, 0.05)))
    made = distil(Distil(student="derived", epochs=2), source, bench_of({"source": source}))
    assert len(serialise(made.model)) < 0.8 * len(serialise(source))
    assert accuracy_of(made.model, turned=True) >= accuracy_of(source, turned=True) - 0.05
    assert "2 of 4 residual blocks" in made.notes[0]


def test_a_given_student_that_is_not_given_is_asked_for() -> None:
    student = network()
    with pytest.raises(ModelUnusable, match="no student"):
        distil(Distil(student="given", **QUICK), student, bench_of({"source": student}))


def quantized(model: onnx.ModelProto) -> onnx.ModelProto:
    return quantize_static(QuantizeStatic(), model, bench_of({"reference": model})).model


def test_a_quantized_student_is_trained_as_it_will_be_deployed() -> None:
    teacher = taught_network()
    student = quantized(network())
    made = distil(Distil(epochs=3), student, bench_of({"source": network(), "teacher": teacher}))
    assert [node.op_type for node in made.model.graph.node] == [node.op_type for node in student.graph.node]
    assert is_quantized(made.model)
    assert accuracy_of(made.model, turned=True) > accuracy_of(student, turned=True) + 0.2
    assert made.figures["parityAgreement"] == 1.0


def test_a_quantized_student_that_is_not_served_as_it_was_trained_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    student = quantized(network())
    monkeypatch.setattr("ratchet_runners.distil.run.parity", lambda *_: Parity(100, 0.9, 0.0))
    made = distil(Distil(epochs=1), student, bench_of({"source": network(), "teacher": taught_network()}))
    (reason,) = made.refusals
    assert "another class" in reason


def test_a_quantized_model_is_given_back_its_floats() -> None:
    model = taught_network()
    made = dequantized(quantized(model))
    assert made is not None
    assert not is_quantized(made)
    rows = images(60, 4)[0]
    wanted = answers(model, rows)
    np.testing.assert_allclose(answers(made, rows), wanted, atol=0.05 * float(np.abs(wanted).max()))


def test_the_student_starts_at_the_champion_where_that_knows_more() -> None:
    source, teacher = network(), taught_network()
    knowing, ignorant = quantized(teacher), quantized(source)
    better = warm_start(source, bench_of({"source": source, "teacher": teacher, "champion": knowing}))
    assert better.model is not source
    assert accuracy_of(better.model, turned=True) >= 0.9
    same = warm_start(source, bench_of({"source": source, "teacher": teacher, "champion": ignorant}))
    assert min(value for value in same.figures.values() if value is not None) >= 0
    smaller = residual_network((0.1,), width=4)
    kept = warm_start(source, bench_of({"source": source, "teacher": teacher, "champion": smaller}))
    assert len(serialise(kept.model)) < len(serialise(copy_of(source)))
