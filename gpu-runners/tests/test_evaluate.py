"""The evaluation that recipes and the bench share, from models to one document."""

from __future__ import annotations

import json

import numpy as np
import pytest
from onnx import TensorProto, helper

from ratchet_runners.evaluate.attacks import Attacker
from ratchet_runners.evaluate.document import Evaluation
from ratchet_runners.evaluate.noise import noisy, spreads
from ratchet_runners.evaluate.options import EvaluationOptions, TextEncoder
from ratchet_runners.evaluate.robustness import Question, under_attack, under_noise
from ratchet_runners.evaluate.run import evaluate
from ratchet_runners.evaluate.texts import Encoder, NoEncoder, texts_of
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.scoring import predictions, score
from support import build, images, network
from support_evaluate import CONTRACT_OF_BARS, bars, bench_of, contract, damaged, linear, rows_of

TIMED = {"latency", "starting", "referenceStarting", "execution", "seconds"}
QUICK = EvaluationOptions(latency_rounds=10, latency_seconds=0.5)


def test_a_damaged_candidate_is_told_from_a_good_one():
    bench = bench_of(bars(240))
    found = evaluate({"same": network(), "bad": damaged(6.0)}, network(), bench, QUICK)
    same, bad = found["same"], found["bad"]
    assert same.quality.metrics[0].difference.value == 0
    assert same.fidelity.agreement.value == 1
    assert same.fidelity.divergence.value == pytest.approx(0, abs=1e-9)
    assert bad.quality.metrics[0].difference.high < 0
    assert bad.quality.metrics[0].p_value < 0.01
    assert bad.quality.worst_slice.difference.value <= bad.quality.metrics[0].difference.value
    assert bad.fidelity.divergence.low > 0.1
    assert bad.calibration.candidate.brier > bad.calibration.reference.brier
    assert (bad.rows, bad.labelled, bad.candidate.form, bad.reference.macs) == (240, 240, "float", 157696)
    assert bad.unavailable.keys() >= {"dtw", "bertScore", "attacks", "starting"}
    assert len(bad.latency) == 1


def test_the_same_inputs_give_the_same_document():
    documents = []
    for _ in range(2):
        found = evaluate({"bad": damaged(2.0)}, network(), bench_of(bars(120)), QUICK)["bad"]
        text = found.model_dump(mode="json", by_alias=True)
        documents.append(json.dumps({key: value for key, value in text.items() if key not in TIMED}))
    assert documents[0] == documents[1]
    assert Evaluation.model_validate_json(found.model_dump_json(by_alias=True)) == found


def test_without_labels_fidelity_and_robustness_remain():
    inputs, _ = images(100, 3)
    bench = bench_of(rows_of(inputs, np.full(100, np.nan)))
    found = evaluate({"bad": damaged(6.0)}, network(), bench, QUICK)["bad"]
    assert (found.quality, found.calibration, found.labelled) == (None, None, 0)
    assert found.fidelity.agreement.high < 1
    noise = found.robustness[0]
    assert noise.figures.reference.value > noise.figures.candidate.value


def test_full_detail_attacks_starts_processes_and_looks_into_the_runtime():
    options = EvaluationOptions(detail="full", latency_rounds=10, attacks=(0.5,), attack_steps=3, noise=())
    found = evaluate({"a": network()}, network(), bench_of(bars(60)), options)["a"]
    seen = [(one.kind, one.gradients_of) for one in found.robustness]
    assert seen == [("fgsm", "source"), ("pgd", "source"), ("fgsm", "candidate"), ("pgd", "candidate")]
    assert found.starting.peak_bytes > 0
    assert found.execution.shares
    assert found.unavailable.keys() == {"dtw", "bertScore"}


def test_a_model_that_breaks_the_contract_or_answers_nonsense_is_refused():
    bench = bench_of(bars(20))
    other = network()
    other.graph.output[0].name = "somewhere"
    with pytest.raises(ModelUnusable, match="breaks the contract"):
        evaluate({"other": other}, network(), bench, QUICK)
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["negative"]),
        helper.make_node("Log", ["negative"], ["logits"]),
    ]
    nothing = build(nodes, {"w": np.full((64, 4), -1, np.float32)})
    with pytest.raises(ModelUnusable, match="not finite"):
        evaluate({"nothing": nothing}, network(), bench, QUICK)
    with pytest.raises(ModelUnusable, match="no rows"):
        evaluate({"a": network()}, network(), bench, QUICK, np.zeros(0, np.intp))


def test_a_course_is_aligned_and_numbers_that_name_things_are_not_disturbed():
    random = np.random.default_rng(0)
    weight = random.normal(size=(12, 6))
    tokens = random.integers(0, 9, (80, 12)).astype(np.int64)
    labels = (tokens @ weight)[:, 0]
    bench = bench_of(rows_of(tokens, labels), contract((6,), (12,), "INT64"))
    exact, off = (linear(weight, TensorProto.INT64, scale) for scale in (1.0, 1.5))
    found = evaluate({"off": off}, exact, bench, QUICK)["off"]
    assert [metric.metric for metric in found.quality.metrics] == ["r2", "mae"]
    assert found.quality.metrics[0].reference.value == pytest.approx(1)
    assert found.quality.metrics[0].difference.high < 0
    assert found.fidelity.dtw.low > 0
    assert found.fidelity.divergence is None
    assert "INT64" in found.unavailable["noise"]
    assert found.robustness == ()


def question(count, **options):
    rows = bars(count)
    return Question(rows.input, rows.label, CONTRACT_OF_BARS, EvaluationOptions(**options), 1, 0)


def test_noise_is_scaled_by_feature_and_the_same_for_all():
    rows = np.random.default_rng(0).normal(0, [1, 10, 0], (4000, 3)).astype(np.float32)
    change = noisy(rows, 0.5, 3) - rows
    assert change.std(axis=0) == pytest.approx([0.5, 5, 0.5 * spreads(rows)[0, 2]], rel=0.1)
    assert spreads(rows)[0, 2] > 0
    found = under_noise({"a": network(), "b": network()}, network(), question(60, noise=(6.0,)))
    assert found.figures["a"] == found.figures["b"]
    assert found.figures["a"][0].figures.reference.value < 1


def test_attacks_stay_within_their_strength_and_beat_noise_of_the_same_strength():
    asked = question(120)
    attacker = Attacker(network(), CONTRACT_OF_BARS, asked.rows)
    strength, spread = 1.5, spreads(asked.rows)
    right = {}
    for name, rows in {
        "clean": asked.rows,
        "noise": asked.rows + strength * spread * np.sign(np.random.default_rng(0).normal(size=asked.rows.shape)),
        "fgsm": attacker.fgsm(asked.rows, asked.truth, strength),
        "pgd": attacker.pgd(asked.rows, asked.truth, strength, 10, 0),
    }.items():
        answers = predictions(score(network(), rows.astype(np.float32), CONTRACT_OF_BARS, 1), CONTRACT_OF_BARS)
        right[name] = float((answers == asked.truth).mean())
        if name != "noise":
            assert (np.abs(rows - asked.rows) <= strength * spread * 1.0001 + 1e-6).all()
            assert rows.min() >= asked.rows.min()
            assert rows.max() <= asked.rows.max()
    assert right["clean"] == 1
    assert right["fgsm"] < right["noise"] - 0.2
    assert right["pgd"] <= right["fgsm"] + 0.02


def test_without_gradients_the_reason_is_told():
    strange = network()
    strange.graph.node[1].op_type = "Erf"
    strange.graph.node[1].domain = "nowhere"
    found = under_attack({"a": network()}, strange, network(), question(20))
    assert "nowhere::Erf" in found.missing["a"]
    assert found.figures["a"] == []


def tiny_encoder(folder, width=6):
    """Every piece has a direction of its own."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "cat", "dog", "sat", "##s"]
    (folder / "vocab.txt").write_text("\n".join(pieces))
    (folder / "words.txt").write_text("\n".join(["[PAD]", "cat", "##s", "dog", "sat"]))
    table = np.random.default_rng(0).normal(size=(len(pieces), width)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["vectors"])],
        "encoder",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n", "t"])],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", "t", width])],
        [helper.make_tensor("table", TensorProto.FLOAT, table.shape, table.tobytes(), raw=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "encoder.onnx").write_bytes(model.SerializeToString())
    return TextEncoder(
        model=str(folder / "encoder.onnx"),
        vocabulary=str(folder / "vocab.txt"),
        output_vocabulary=str(folder / "words.txt"),
    )


def test_texts_are_compared_by_a_local_encoder(tmp_path):
    encoder = Encoder(tiny_encoder(tmp_path))
    assert encoder.likeness("cats sat", "cats sat").f1 == pytest.approx(1)
    assert encoder.likeness("cats sat", "sat cats").f1 == pytest.approx(1)  # directions know no order
    assert encoder.likeness("cat", "dog").f1 < 0.9
    outputs = np.eye(5, dtype=np.float32)[[[1, 2, 4, 0], [3, 4, 0, 0]]]
    assert texts_of(outputs, ["[PAD]", "cat", "##s", "dog", "sat"]) == ["cats sat", "dog sat"]
    missing = tiny_encoder(tmp_path).model_copy(update={"model": str(tmp_path / "no.onnx")})
    with pytest.raises(NoEncoder, match=r"no\.onnx cannot be read"):
        Encoder(missing)
