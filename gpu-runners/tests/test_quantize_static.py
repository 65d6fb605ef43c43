"""The recipe without torch, end to end in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pyarrow as pa
import pytest

from ratchet_runners.documents.report import ProgressEvent, Report
from support import digest, images, report, run, table, write_job, write_table


def test_candidate_report_and_progress(tmp_path: Path) -> None:
    done = run(write_job(tmp_path), tmp_path / "out")
    assert done.returncode == 0, done.stderr
    content = report(tmp_path / "out")
    Report.model_validate(content)
    assert content["outcome"] == "candidate"
    (artifact,) = content["artifacts"]
    candidate = tmp_path / "out" / artifact["file"]
    assert artifact["digest"] == digest(candidate)
    assert artifact["parent"] == digest(tmp_path / "reference.onnx")
    assert artifact["sizeBytes"] == candidate.stat().st_size
    read = {"digest": digest(tmp_path / "train.arrow"), "requested": 400, "used": 400, "labelled": 300, "replay": 0}
    assert content["data"].items() >= read.items()
    assert content["figures"]["agreement"] >= 0.95
    assert content["figures"]["candidateAccuracy"] >= content["figures"]["referenceAccuracy"] - 0.05
    assert "torch" not in content["versions"]
    lines = (tmp_path / "out" / "progress.jsonl").read_text().splitlines()
    events = [ProgressEvent.model_validate_json(line) for line in lines]
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert {"read", "calibrate", "quantize", "verify"} <= {event.step for event in events}
    assert not list((tmp_path / "out").glob(".*"))


def test_candidate_keeps_the_contract_and_is_in_eight_bits(tmp_path: Path) -> None:
    assert run(write_job(tmp_path), tmp_path / "out").returncode == 0
    path = str(tmp_path / "out" / "candidate.onnx")
    model = onnx.load(path)
    kinds = {tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) > 1}
    assert onnx.TensorProto.INT8 in kinds
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == ["input"]
    assert [value.name for value in session.get_outputs()] == ["logits"]
    for batch in (1, 3):
        assert session.run(None, {"input": np.zeros((batch, 1, 8, 8), np.float32)})[0].shape == (batch, 4)


def test_same_inputs_give_the_same_candidate(tmp_path: Path) -> None:
    job = write_job(tmp_path, parameters={"excludeSensitive": 1, "perChannel": True})
    for number in (1, 2):
        assert run(job, tmp_path / f"out{number}", PYTHONHASHSEED=str(number)).returncode == 0
    one, other = (report(tmp_path / f"out{number}") for number in (1, 2))
    assert one["artifacts"] == other["artifacts"]
    assert one["figures"] == other["figures"]


def test_the_batch_size_bounds_memory_and_changes_nothing_else(tmp_path: Path) -> None:
    candidates = set()
    for size in (1, 16, 32):
        out = tmp_path / f"out{size}"
        assert run(write_job(tmp_path, parameters={"batchSize": size}), out).returncode == 0
        candidates.add(report(out)["artifacts"][0]["digest"])
    assert len(candidates) == 1


@pytest.mark.parametrize(
    "parameters",
    [{"method": "percentile"}, {"method": "ema", "averaging": 0.5}, {"perChannel": True}],
    ids=lambda parameters: next(iter(parameters)),
)
def test_other_settings_work_too(tmp_path: Path, parameters: dict[str, object]) -> None:
    done = run(write_job(tmp_path, parameters=parameters), tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert report(tmp_path / "out")["figures"]["agreement"] >= 0.9


def test_sensitive_nodes_stay_in_floating_point(tmp_path: Path) -> None:
    assert run(write_job(tmp_path, parameters={"excludeSensitive": 1}), tmp_path / "out").returncode == 0
    (step,) = report(tmp_path / "out")["steps"]
    assert step["figures"]["quantizedNodes"] == step["figures"]["weightedNodes"] - 1
    assert any("relative error" in note for note in step["notes"])


def test_a_recalibration_serves_the_present_first(tmp_path: Path) -> None:
    """Inputs of a twentieth of the amplitude: ranges that also fit the old ones would leave them a dozen levels."""
    rows, labels = images(600, 2)
    faint = table(rows[:450] / 20, labels[:450], 450, "fresh", "f")
    older = table(rows[450:], labels[450:], 150, "replay-1", "o")
    write_table(pa.concat_tables([faint, older]), tmp_path / "train.arrow")
    figures = {}
    for widening in (1.0, 1e6):
        job = write_job(tmp_path, data__train__rows=600, parameters={"replayWidening": widening})
        assert run(job, tmp_path / "out").returncode == 0
        figures[widening] = report(tmp_path / "out")["figures"]
    assert figures[1.0]["agreement"] >= figures[1e6]["agreement"]
    assert figures[1.0]["agreement"] >= 0.95
    assert "replayAgreement" in figures[1.0]
    assert json.dumps(figures)  # finite numbers only


def test_the_newest_rows_give_the_ranges(tmp_path: Path) -> None:
    """Some rows from before the shift are still among the fresh ones: they must not spoil the ranges."""
    rows, labels = images(600, 2)
    before = table(rows[:100], labels[:100], 100, "fresh", "b", hour=11)
    after = table(rows[100:] / 20, labels[100:], 500, "fresh", "a", hour=12)
    write_table(pa.concat_tables([before, after]), tmp_path / "train.arrow")
    job = write_job(tmp_path, data__train__rows=600, parameters={"calibrationRows": 256})
    assert run(job, tmp_path / "out").returncode == 0
    assert report(tmp_path / "out")["figures"]["agreement"] >= 0.9


def test_a_model_without_weights_gives_no_candidate(tmp_path: Path) -> None:
    from onnx import helper

    from support import build

    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("Slice", ["flat", "zero", "four", "one"], ["logits"]),
    ]
    weights = {"zero": np.array([0]), "four": np.array([4]), "one": np.array([1])}
    (tmp_path / "reference.onnx").write_bytes(build(nodes, weights).SerializeToString())
    done = run(write_job(tmp_path), tmp_path / "out")
    assert done.returncode == 0, done.stderr
    content = report(tmp_path / "out")
    assert content["outcome"] == "no-candidate"
    assert "weight" in content["reasons"][0]
    assert not (tmp_path / "out" / "candidate.onnx").exists()


def test_a_stream_is_read_like_a_file(tmp_path: Path) -> None:
    rows, labels = images(400, 1)
    write_table(table(rows, labels, 300, "fresh", "f"), tmp_path / "train.arrow", stream=True)
    assert run(write_job(tmp_path), tmp_path / "out").returncode == 0


def test_the_tabular_example(tmp_path: Path) -> None:
    import subprocess
    import sys

    from support import ROOT, environment

    script = ROOT.parent / "examples" / "breast-cancer" / "train.py"
    made = subprocess.run(
        [sys.executable, script, "--output", tmp_path / "reference.onnx", "--rows", tmp_path / "rows.json"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(made.stdout)["accuracy"] >= 0.95
    rows = json.loads((tmp_path / "rows.json").read_text())
    inputs = np.array(rows["inputs"], np.float32)
    write_table(table(inputs, np.array(rows["labels"]), 171, "fresh", "f"), tmp_path / "train.arrow")
    job = write_job(
        tmp_path,
        model={
            "name": "breast-cancer",
            "task": {"kind": "classification", "classes": 2},
            "input": {"name": "measurements", "datatype": "FP32", "shape": [-1, 30]},
            "output": {"name": "logits", "datatype": "FP32", "shape": [-1, 2]},
        },
        data__train__rows=171,
    )
    done = run(job, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    content = report(tmp_path / "out")
    assert content["figures"]["sizeRatio"] < 0.6
    assert any("seldom gets faster" in reason for reason in content["reasons"])
