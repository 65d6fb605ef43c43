"""The recipe with torch: what changed is learned, what was known is kept, a bad teacher is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pytest

from ratchet_runners.faults import DataUnusable
from ratchet_runners.recipes.incremental_distillation import IncrementalDistillation
from ratchet_runners.recipes.incremental_distillation_run import incremental_distillation
from support import images, network, report, run, table, write_job, write_table
from support_distil import accuracy_of, bench_of, drifted_rows, taught_network, with_constant

QUICK = {"fineTune": {"epochs": 6}, "distil": {"epochs": 6}}


def drifted(folder: Path, shuffled: bool = False, labelled: int = 700) -> None:
    fresh, labels = images(900, 11, turned=True)
    if shuffled:
        labels = np.random.default_rng(0).permutation(labels)
    older, older_labels = images(300, 12)
    content = [
        table(fresh, labels, labelled, "fresh", "f"),
        table(older, older_labels, 300, "replay-old", "o"),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_table(pa.concat_tables(content), folder / "train.arrow")


def job(folder: Path, **changes: object) -> Path:
    return write_job(
        folder, recipe="incremental-distillation", data__train__rows=1200, **{"parameters": QUICK, **changes}
    )


def test_the_drift_is_learned_and_the_past_kept(tmp_path: Path) -> None:
    drifted(tmp_path)
    for number in (1, 2):
        done = run(job(tmp_path), tmp_path / f"out{number}")
        assert done.returncode == 0, done.stderr
    content = report(tmp_path / "out1")
    figures = content["figures"]
    assert content["outcome"] == "candidate"
    assert figures["newReferenceAccuracy"] >= figures["referenceAccuracy"] + 0.3
    assert figures["candidateAccuracy"] >= figures["newReferenceAccuracy"] - 0.05
    assert figures["replayCandidateAccuracy"] >= 0.9
    assert [step["technique"] for step in content["steps"]] == ["fine-tune", "distil", "quantize-static"]
    assert {artifact["kind"]: artifact["file"] for artifact in content["artifacts"]} == {
        "compressed": "candidate.onnx",
        "reference": "reference.onnx",
    }
    old, new = onnx.load(str(tmp_path / "reference.onnx")), onnx.load(str(tmp_path / "out1" / "reference.onnx"))
    assert [node.op_type for node in new.graph.node] == [node.op_type for node in old.graph.node]
    # The second run is there for this: the same inputs give the same candidate.
    assert content["artifacts"] == report(tmp_path / "out2")["artifacts"]


def test_a_teacher_out_of_its_depth_is_refused(tmp_path: Path) -> None:
    drifted(tmp_path, shuffled=True)
    parameters = {"fineTune": {"epochs": 1, "learningRate": 1e-6}, "distil": {"minimumTeacherAccuracy": 0.9}}
    done = run(job(tmp_path, parameters=parameters), tmp_path / "out")
    assert done.returncode == 0, done.stderr
    content = report(tmp_path / "out")
    assert content["outcome"] == "no-candidate"
    assert "out of its depth" in content["reasons"][0]
    assert content["artifacts"] == []
    assert not list((tmp_path / "out").glob("*.onnx"))


def test_too_few_labels_are_refused(tmp_path: Path) -> None:
    drifted(tmp_path, labelled=20)
    done = run(job(tmp_path), tmp_path / "out")
    assert done.returncode == 3
    assert "labelled" in done.stderr


def test_operators_that_cannot_be_trained_are_named(tmp_path: Path) -> None:
    from onnx import helper

    from support import network

    model = network()
    model.graph.node[-1].output[0] = "raw"
    model.graph.node.append(helper.make_node("Normalizer", ["raw"], ["logits"], domain="ai.onnx.ml", norm="L2"))
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "reference.onnx").write_bytes(model.SerializeToString())
    drifted(tmp_path)
    done = run(job(tmp_path), tmp_path / "out")
    assert done.returncode == 4
    assert "Normalizer" in done.stderr


PARAMETERS = IncrementalDistillation.model_validate({"fineTune": {"epochs": 4}, "distil": {"epochs": 4}})


def test_a_named_teacher_teaches_without_any_label() -> None:
    reference = network()
    models = {"reference": reference, "teacher": taught_network()}
    made = incremental_distillation(PARAMETERS, reference, bench_of(models))
    assert [step.technique for step in made.steps] == ["distil", "quantize-static"]
    assert made.reference is None
    assert made.candidate is not None
    assert accuracy_of(made.candidate, turned=True) >= 0.85
    assert accuracy_of(made.candidate, turned=False) >= accuracy_of(reference, turned=False) - 0.03


def test_a_named_teacher_that_knows_nothing_ends_it_where_labels_are_missing() -> None:
    reference = network()
    ignorant = with_constant(reference, "head", np.zeros((256, 4), np.float32))
    made = incremental_distillation(PARAMETERS, reference, bench_of({"reference": reference, "teacher": ignorant}))
    assert made.candidate is None
    assert "out of its depth" in made.reasons[0]
    assert (made.figures["teacherOlderKappa"] or 0.0) <= 0.0


def test_with_labels_the_trained_reference_takes_a_bad_teachers_place() -> None:
    reference = network()
    ignorant = with_constant(reference, "head", np.zeros((256, 4), np.float32))
    bench = bench_of({"reference": reference, "teacher": ignorant}, drifted_rows(700, 300, labelled=700))
    made = incremental_distillation(PARAMETERS, reference, bench)
    assert [step.technique for step in made.steps] == ["distil", "fine-tune", "distil", "quantize-static"]
    assert made.candidate is not None
    assert made.reference is not None
    assert accuracy_of(made.candidate, turned=True) >= 0.85


def test_neither_labels_nor_a_teacher_is_a_fault_of_the_data() -> None:
    reference = network()
    with pytest.raises(DataUnusable, match="labelled"):
        incremental_distillation(PARAMETERS, reference, bench_of({"reference": reference}))
