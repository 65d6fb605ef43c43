"""Awkward input: a clear error and the documented exit code each, nothing half-written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from support import build, digest, failure, images, network, run, table, write_job, write_table


def truncated(folder: Path) -> dict[str, Any]:
    content = network().SerializeToString()
    (folder / "reference.onnx").write_bytes(content[: len(content) // 2])
    return {}


def no_onnx(folder: Path) -> dict[str, Any]:
    (folder / "reference.onnx").write_bytes(b"\x89PNG\r\n" * 40)
    return {}


def other_shape(folder: Path) -> dict[str, Any]:
    rows, labels = images(400, 1)
    write_table(table(rows[:, :, :4, :], labels, 300, "fresh", "f"), folder / "train.arrow")
    return {"model__input": {"name": "input", "datatype": "FP32", "shape": [-1, 1, 4, 8]}}


def other_output(folder: Path) -> dict[str, Any]:
    return {"model__output": {"name": "scores", "datatype": "FP32", "shape": [-1, 4]}}


def fixed_batch(folder: Path) -> dict[str, Any]:
    model = network()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    (folder / "reference.onnx").write_bytes(model.SerializeToString())
    return {}


def external(folder: Path, location: str) -> dict[str, Any]:
    model = network()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    (folder / "reference.onnx").write_bytes(model.SerializeToString())
    return {}


def custom_operator(folder: Path) -> dict[str, Any]:
    model = network()
    model.graph.node[1].domain = "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    (folder / "reference.onnx").write_bytes(model.SerializeToString())
    return {}


def unknown_operator(folder: Path) -> dict[str, Any]:
    model = network()
    model.graph.node[1].op_type = "Rely"
    (folder / "reference.onnx").write_bytes(model.SerializeToString())
    return {}


def quantized(folder: Path) -> dict[str, Any]:
    nodes = [
        helper.make_node("QuantizeLinear", ["input", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["x"]),
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
    ]
    weights = {
        "scale": np.array(0.1, np.float32),
        "zero": np.array(0, np.uint8),
        "w": np.ones((64, 4), np.float32),
    }
    (folder / "reference.onnx").write_bytes(build(nodes, weights).SerializeToString())
    return {}


def other_model(folder: Path) -> dict[str, Any]:
    return {"artifacts__reference__digest": "sha256:" + "0" * 64}


MODELS: list[tuple[Callable[[Path], dict[str, Any]], str]] = [
    (truncated, "truncated"),
    (no_onnx, "no ONNX"),
    (other_shape, "has shape [-1, 1, 8, 8], the contract says [-1, 1, 4, 8]"),
    (other_output, "output 'scores' is missing"),
    (fixed_batch, "fixed batch of 1"),
    (lambda folder: external(folder, "../../secret.bin"), "outside the model's folder"),
    (lambda folder: external(folder, "/etc/hostname"), "outside the model's folder"),
    (lambda folder: external(folder, "weights.bin"), "another file"),
    (custom_operator, "com.example::Relu is a custom operator"),
    (unknown_operator, "Rely"),
    (quantized, "already quantized"),
    (other_model, "not the one that was asked for"),
]


@pytest.mark.parametrize(("spoil", "told"), MODELS, ids=[told[:24] for _, told in MODELS])
def test_an_unusable_model_ends_with_four(tmp_path: Path, spoil: Callable[[Path], dict[str, Any]], told: str) -> None:
    job = write_job(tmp_path, **spoil(tmp_path))
    done = run(job, tmp_path / "out")
    assert done.returncode == 4, done.stderr
    assert told in done.stderr
    left = failure(tmp_path / "out")
    assert left["code"] == "model-unusable"
    assert told in "\n".join([left["message"], *left["faults"]])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"error.json", "progress.jsonl"}


def few_rows(folder: Path) -> dict[str, Any]:
    rows, labels = images(12, 1)
    write_table(table(rows, labels, 12, "fresh", "f"), folder / "train.arrow")
    return {}


def no_rows(folder: Path) -> dict[str, Any]:
    rows, labels = images(12, 1)
    write_table(table(rows, labels, 12, "fresh", "f").slice(0, 0), folder / "train.arrow")
    return {}


def many_broken_rows(folder: Path) -> dict[str, Any]:
    rows, labels = images(400, 1)
    rows[:100, 0, 0, 0] = np.nan
    write_table(table(rows, labels, 300, "fresh", "f"), folder / "train.arrow")
    return {}


def other_width(folder: Path) -> dict[str, Any]:
    rows, labels = images(400, 1)
    write_table(table(rows[:, :, :4, :], labels, 300, "fresh", "f"), folder / "train.arrow")
    return {}


def missing_column(folder: Path) -> dict[str, Any]:
    rows, labels = images(400, 1)
    write_table(table(rows, labels, 300, "fresh", "f").drop_columns(["label"]), folder / "train.arrow")
    return {}


def no_arrow(folder: Path) -> dict[str, Any]:
    (folder / "train.arrow").write_bytes(b"request_id,at,version\n" * 30)
    return {}


def other_data(folder: Path) -> dict[str, Any]:
    return {"data__train__digest": "sha256:" + "0" * 64}


def no_data(folder: Path) -> dict[str, Any]:
    return {"data__train__path": "elsewhere.arrow"}


DATA: list[tuple[Callable[[Path], dict[str, Any]], str]] = [
    (few_rows, "at least 32 rows"),
    (no_rows, "at least 32 rows"),
    (many_broken_rows, "100 of 400 rows"),
    (other_width, "has 32 numbers a row, the model takes 64"),
    (missing_column, "column label is missing"),
    (no_arrow, "no Arrow file or stream"),
    (other_data, "not the one that was asked for"),
    (no_data, "cannot be read"),
]


@pytest.mark.parametrize(("spoil", "told"), DATA, ids=[spoil.__name__ for spoil, _ in DATA])
def test_unusable_data_end_with_three(tmp_path: Path, spoil: Callable[[Path], dict[str, Any]], told: str) -> None:
    job = write_job(tmp_path, **spoil(tmp_path))
    done = run(job, tmp_path / "out")
    assert done.returncode == 3, done.stderr
    assert told in done.stderr
    assert failure(tmp_path / "out")["code"] == "data-unusable"


def test_an_invalid_job_ends_with_two_and_all_faults(tmp_path: Path) -> None:
    job = write_job(tmp_path, limits__threads=0, recipe="prune", job="no name", seed=-1)
    done = run(job, tmp_path / "out")
    assert done.returncode == 2
    left = failure(tmp_path / "out")
    assert left["code"] == "invalid-job"
    assert len(left["faults"]) == 4
    for path in ("limits.threads", "recipe", "job", "seed"):
        assert path in done.stderr


def test_a_few_broken_rows_are_dropped_and_counted(tmp_path: Path) -> None:
    rows, labels = images(400, 1)
    rows[:9, 0, 0, 0] = np.inf
    write_table(table(rows, labels, 300, "fresh", "f"), tmp_path / "train.arrow")
    from support import report

    assert run(write_job(tmp_path), tmp_path / "out").returncode == 0
    content = report(tmp_path / "out")
    assert content["data"]["requested"] == 400
    assert content["data"]["used"] == 391
    assert any("9 of 400 rows were dropped" in reason for reason in content["reasons"])


def test_weights_in_constant_nodes_are_quantized_all_the_same(tmp_path: Path) -> None:
    model = network()
    kept = []
    for tensor in model.graph.initializer:
        node = helper.make_node("Constant", [], [tensor.name], value=tensor)
        kept.append(node)
    nodes = [*kept, *model.graph.node]
    del model.graph.initializer[:]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    (tmp_path / "reference.onnx").write_bytes(model.SerializeToString())
    job = write_job(tmp_path)
    assert run(job, tmp_path / "out").returncode == 0
    assert (tmp_path / "out" / "candidate.onnx").stat().st_size < (tmp_path / "reference.onnx").stat().st_size
    assert digest(tmp_path / "out" / "candidate.onnx")
