"""Inspection: what can be done with a model, and why not, technique by technique."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from ratchet_runners.cli import main
from ratchet_runners.doctor import examine
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.inspection import inspect_model
from ratchet_runners.recipes.techniques import TECHNIQUES
from support import build, network

NAMES = {kind.model_fields["technique"].default for kind in TECHNIQUES}


def test_an_ordinary_network_can_be_quantized_pruned_and_trained(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(network().SerializeToString())
    found = inspect_model(tmp_path / "m.onnx")
    assert found["form"] == "float"
    assert found["untrainable"] == []
    assert found["macs"] > 100_000
    assert found["embeddingShare"] == 0
    assert set(found["techniques"]) == NAMES
    assert found["techniques"]["prune-channels"] == []
    assert found["prunableGroups"]


def test_the_page_names_what_can_be_done_and_what_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.onnx").write_bytes(network().SerializeToString())
    assert main(["inspect", str(tmp_path / "m.onnx")]) == 0
    page = capsys.readouterr().out
    able, refused = page.split("CANNOT BE DONE")
    assert "prune-channels" in able
    assert "quantize-embeddings" in refused
    assert "it has no Gather" in refused
    assert "LAYERS THAT ARE AS WIDE AS EACH OTHER" in refused
    assert main(["inspect", str(tmp_path / "m.onnx"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == inspect_model(tmp_path / "m.onnx")


def test_what_stands_in_the_way_is_named_by_technique(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["input", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["x"]),
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
    ]
    weights = {"scale": np.array(0.1, np.float32), "zero": np.array(0, np.uint8), "w": np.ones((64, 4), np.float32)}
    (tmp_path / "m.onnx").write_bytes(build(nodes, weights).SerializeToString())
    found = inspect_model(tmp_path / "m.onnx")
    for reasons in found["techniques"].values():
        assert any("already quantized: contains QuantizeLinear" in reason for reason in reasons)


def test_tables_are_told_by_their_share(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("Gather", ["table", "first"], ["row"]),
        helper.make_node("MatMul", ["flat", "w"], ["m"]),
        helper.make_node("Add", ["m", "row"], ["logits"]),
    ]
    weights = {
        "table": np.ones((1000, 4), np.float32),
        "first": np.array(0, np.int64),
        "w": np.ones((64, 4), np.float32),
    }
    (tmp_path / "m.onnx").write_bytes(build(nodes, weights).SerializeToString())
    assert 0.9 < inspect_model(tmp_path / "m.onnx")["embeddingShare"] < 0.96


def test_a_file_that_is_no_model_says_so(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\x89PNG\r\n" * 40)
    with pytest.raises(ModelUnusable, match="no ONNX"):
        inspect_model(tmp_path / "m.onnx")


def test_the_doctor_tells_of_every_technique() -> None:
    found = examine()
    assert {name.removeprefix("technique ") for name in found if name.startswith("technique ")} == NAMES
    assert found["compress"] == "available"
    assert set(map(str, found.values()))
