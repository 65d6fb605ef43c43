"""Architectures as code: only where allowed, only when they answer like the reference, then taught and exported."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from ratchet_runners.builder.allowed import VARIABLE, require_allowed
from ratchet_runners.builder.build import build, give_slices, give_weights, read_weights
from ratchet_runners.builder.config import BuilderStudent
from ratchet_runners.builder.export import answers, exported
from ratchet_runners.builder.run import builder_student
from ratchet_runners.documents.job import Builder
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.load import contract_faults, safety_faults
from ratchet_runners.model.scoring import score, serialise
from ratchet_runners.workbench import Workbench
from support import images
from support_distil import CONTRACT_OF_IMAGES, accuracy_of, bench_of, drifted_rows, taught_network

CODE = """
from torch import nn

def net(width, classes=4):
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16 * width, classes),
    )

def text(width):
    return "no module"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("builders")
    (made / "nets_of_the_team.py").write_text(CODE)
    (made / "forbidden_nets.py").write_text("raise AssertionError('this must not be imported')")
    return made


@pytest.fixture(autouse=True)
def _importable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv(VARIABLE, "other, nets_of_the_team")


def builder(folder: Path, entry: str = "nets_of_the_team:net", width: int = 12) -> Builder:
    return Builder.model_validate(
        {
            "entry": entry,
            "weights": {"path": str(folder / "weights.safetensors"), "digest": "sha256:" + "0" * 64},
            "arguments": {"width": width},
        }
    )


@pytest.fixture(scope="module")
def reference(folder: Path) -> onnx.ModelProto:
    """The builder's module with statistics of its own, exported."""
    sys.path.insert(0, str(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, "nets_of_the_team")
        module = build(builder(folder), {}, 1)
    sys.path.remove(str(folder))
    module.train()
    with torch.no_grad():
        for seed in range(20):
            module(torch.from_numpy(images(32, seed)[0]))
    save_file(module.state_dict(), str(folder / "weights.safetensors"))
    return exported(module, bench_of({}))


def bench(folder: Path, reference: onnx.ModelProto) -> Workbench:
    models = {"reference": reference, "source": reference, "teacher": taught_network()}
    return replace(bench_of(models, drifted_rows(500, 250)), builder=builder(folder))


@pytest.mark.parametrize("listed", ["", "other", "forbidden", "forbidden_nets:nets", "forbidden_nets.deeper"])
def test_a_builder_that_is_not_listed_is_refused_before_it_is_imported(
    folder: Path, listed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, listed)
    with pytest.raises(ModelUnusable) as fault:
        build(builder(folder, "forbidden_nets:net"), {}, 0)
    assert VARIABLE in fault.value.text()
    assert "forbidden_nets" not in sys.modules


@pytest.mark.parametrize("listed", ["a.b:c", "a.b", "a", " x , a.b "])
def test_an_entry_its_module_or_its_package_may_be_listed(listed: str) -> None:
    require_allowed("a.b:c", {VARIABLE: listed})


def test_what_a_builder_gets_wrong_is_said(folder: Path) -> None:
    for entry, told in (("nets_of_the_team:text", "str"), ("nets_of_the_team:nothing", "nothing")):
        with pytest.raises(ModelUnusable) as fault:
            build(builder(folder, entry), {}, 0)
        assert told in fault.value.text()
    with pytest.raises(ModelUnusable, match="fails with the arguments"):
        build(builder(folder), {"depth": 3}, 0)


def test_weights_fit_strictly_or_every_difference_is_named(folder: Path) -> None:
    wide, narrow = build(builder(folder), {}, 0), build(builder(folder), {"width": 8}, 0)
    weights = wide.state_dict()
    with pytest.raises(ModelUnusable) as fault:
        give_weights(narrow, {**{name: weights[name] for name in list(weights)[1:]}, "more": torch.zeros(1)})
    text = fault.value.text()
    assert "0.weight is missing" in text
    assert "more is unknown" in text
    assert "5.weight has shape [4, 192], the module's has [4, 128]" in text


def test_slices_are_the_leading_part_of_each_weight(folder: Path) -> None:
    wide, narrow = build(builder(folder), {}, 0), build(builder(folder), {"width": 8}, 1)
    sliced = give_slices(narrow, wide.state_dict())
    assert (sliced.whole, sliced.cut, sliced.anew) == (2, 6, 0)
    torch.testing.assert_close(narrow.state_dict()["0.weight"], wide.state_dict()["0.weight"][:8])
    wider = build(builder(folder), {"width": 16}, 1)
    assert give_slices(wider, wide.state_dict()).cut == 0


def test_the_export_answers_like_the_module(folder: Path, reference: onnx.ModelProto) -> None:
    module = build(builder(folder), {}, 5)
    give_weights(module, read_weights(folder / "weights.safetensors"))
    rows = images(50, 8)[0]
    np.testing.assert_allclose(score(reference, rows, CONTRACT_OF_IMAGES, 1), answers(module, rows), atol=1e-4)
    assert contract_faults(reference, CONTRACT_OF_IMAGES) == []
    assert safety_faults(reference) == []
    assert str(folder).encode() not in serialise(reference)


def test_a_narrower_student_is_taught_with_batch_normalisation(folder: Path, reference: onnx.ModelProto) -> None:
    config = BuilderStudent.model_validate(
        {"arguments": {"width": 8}, "initialise": "sliced", "distil": {"epochs": 4, "trial": "never"}}
    )
    made = builder_student(config, reference, bench(folder, reference))
    assert made.refusals == ()
    assert len(serialise(made.model)) < 0.8 * len(serialise(reference))
    assert accuracy_of(made.model, turned=True) >= 0.85
    assert accuracy_of(made.model, turned=False) >= 0.85
    assert contract_faults(made.model, CONTRACT_OF_IMAGES) == []


def test_a_builder_that_answers_otherwise_than_the_reference_is_refused(
    folder: Path, reference: onnx.ModelProto
) -> None:
    other = onnx.ModelProto()
    other.CopyFrom(taught_network())
    with pytest.raises(ModelUnusable, match="otherwise than the reference"):
        builder_student(BuilderStudent(), other, bench(folder, other))


def test_terms_that_need_named_tensors_are_refused() -> None:
    with pytest.raises(ValidationError, match="no named tensors"):
        BuilderStudent.model_validate({"distil": {"features": {}}})
