"""The search: what is tried, what becomes of it, which candidate wins, and what happens when time runs out."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ratchet_runners.documents.job import ModelContract, Objectives
from ratchet_runners.execution.stages import Stages
from ratchet_runners.faults import DataUnusable, InvalidJob, ModelUnusable
from ratchet_runners.recipes.compress import Compress
from ratchet_runners.recipes.compress_run import compress
from ratchet_runners.recipes.search import Search, Tried
from ratchet_runners.recipes.verdict import Measured, best_of, objections, on_front
from support import CONTRACT, images, network, report, run, write_job
from support_running import RAN, Fake, bench_of, measured, rows_of, way


@pytest.mark.parametrize(
    ("figures", "wanted", "told"),
    [
        ({"loss": 0.004, "loss_bound": 0.012}, {}, "may lose 0.0120 of accuracy (0.0040 seen on 1000 rows)"),
        ({"loss_bound": 0.02, "basis": "agreement"}, {}, "of agreement"),
        ({"loss_bound": float("nan")}, {}, "may lose nan"),
        ({"latency_ratio": 0.9}, {"maximum_latency_ratio": 0.8}, "0.90 of the champion's, 0.8 is allowed"),
        ({"latency_ratio": None}, {"maximum_latency_ratio": 0.8}, "could not be measured"),
        ({"latency_ratio": float("nan")}, {"maximum_latency_ratio": 0.8}, "nan of the champion's"),
        ({"reference_latency_ratio": 1.2}, {}, "slower than the original"),
        ({"size_ratio": 0.3}, {"maximum_size_ratio": 0.25}, "its size is 0.300"),
        ({"agreement": 0.97}, {"minimum_agreement": 0.98}, "agrees on 0.9700"),
        ({"agreement": None}, {"minimum_agreement": 0.98}, "agrees on 0.0000"),
    ],
)
def test_an_objective_that_is_not_kept_is_told_with_its_figures(
    figures: dict[str, Any], wanted: dict[str, Any], told: str
) -> None:
    found = objections(measured(**figures), Objectives(**wanted))
    assert len(found) == 1
    assert told in found[0]
    assert not objections(measured(), Objectives(**wanted))


def test_slower_than_the_original_is_no_objection_where_nobody_favours_latency_or_a_limit_allows_it() -> None:
    slow = measured(reference_latency_ratio=1.2, latency_ratio=1.2)
    assert not objections(slow, Objectives(favour="size"))
    assert not objections(slow, Objectives(maximum_latency_ratio=1.5))


FAST, SMALL, GOOD = (
    measured(latency_ratio=0.3, size_bytes=500, loss=0.008, loss_bound=0.009),
    measured(latency_ratio=0.9, size_bytes=100, loss=0.004, loss_bound=0.009),
    measured(latency_ratio=0.6, size_bytes=300, loss=0.0),
)


@pytest.mark.parametrize(("favour", "best"), [("latency", 0), ("size", 1), ("quality", 2)])
def test_what_is_favoured_decides_among_those_that_keep_to_the_objectives(favour: Any, best: int) -> None:
    lossy = measured(latency_ratio=0.1, size_bytes=10, loss=0.5, loss_bound=0.5)
    assert best_of([FAST, SMALL, GOOD, lossy], Objectives(favour=favour), 0.1) == best
    assert best_of([lossy], Objectives(favour=favour), 0.1) is None


@pytest.mark.parametrize("noise", [0.96, 1.04])
def test_a_difference_within_the_noise_of_timings_decides_nothing(noise: float) -> None:
    one, other = measured(latency_ratio=0.5, size_bytes=200), measured(latency_ratio=0.5 * noise, size_bytes=100)
    assert best_of([one, other], Objectives(), 0.1) == 1
    assert best_of([replace(one, size_bytes=100), other], Objectives(), 0.1) == 0


def test_a_timing_has_no_say_where_size_is_favoured() -> None:
    choices = {
        best_of([measured(latency_ratio=ratio), measured()], Objectives(favour="size"), 0.1) for ratio in (0.1, 3)
    }
    assert choices == {0}


def test_the_front_holds_what_nothing_beats() -> None:
    beaten = measured(latency_ratio=0.7, size_bytes=400, loss=0.002)
    assert on_front([FAST, SMALL, GOOD, beaten], 0.1) == [True, True, True, False]
    assert on_front([measured(latency_ratio=None), measured(latency_ratio=None)], 0.1) == [True, True]


def search(judged: dict[str, Measured | Exception], **more: Any) -> Search:
    """A search whose measurements are given by the alternative's name."""

    def measure(name: str, model: onnx.ModelProto) -> Measured:
        found = judged[name]
        if isinstance(found, Exception):
            raise found
        return found

    return Search(bench_of(**more), network(), measure, 0.1)


def test_the_best_so_far_is_kept_whatever_the_others_do() -> None:
    tried = search({"a": GOOD, "b": SMALL, "c": FAST, "late": ModelUnusable("It answers nan")})
    ways = [way(name, Fake(scale=position)) for position, name in enumerate("abc")]
    broken = [way(name, Fake(ends=name)) for name in ("refuses", "fails", "breaks", "memory")]
    best: list[str] = []
    tried.run([*broken, *ways, way("late", Fake())], lambda found: best.append(found.report.name))
    assert best == ["a", "b"]
    told = {each.name: each for each in tried.reports()}
    assert {name: each.outcome for name, each in told.items()} == {
        **{"refuses": "refused", "fails": "failed", "breaks": "failed", "memory": "failed"},
        **{"a": "eligible", "b": "chosen", "c": "eligible", "late": "failed"},
    }
    assert told["fails"].reasons == ("There is no such row", "row 17")
    assert "ZeroDivisionError" in told["breaks"].reasons[0]
    assert told["late"].reasons == ("It answers nan",)
    assert told["refuses"].steps[0].technique == "fake"
    assert told["b"].digest != told["a"].digest


def test_what_breaks_an_objective_is_rejected_and_says_so() -> None:
    tried = search({"a": measured(loss_bound=0.3)})
    tried.run([way("a", Fake())], lambda found: None)
    assert tried.best is None
    (told,) = tried.reports()
    assert told.outcome == "rejected"
    assert "may lose 0.3000" in told.reasons[0]
    assert told.figures["lossBound"] == 0.3


def test_what_cannot_end_in_time_is_not_begun_where_there_is_a_candidate() -> None:
    RAN.clear()
    tried = search({"a": GOOD, "b": GOOD}, seconds=5)
    tried.run([way("a", Fake()), way("long", Fake(seconds=400)), way("b", Fake())], lambda found: None)
    assert [each.outcome for each in tried.reports()] == ["chosen", "skipped", "eligible"]
    assert "400 s" in tried.reports()[1].reasons[0]
    assert len(RAN) == 2
    alone = search({"long": GOOD}, seconds=5)
    alone.run([way("long", Fake(seconds=400))], lambda found: None)
    assert alone.best is not None


def test_progress_of_a_search_never_falls_and_names_what_runs() -> None:
    told: list[tuple[str, float, str]] = []

    def tell(step: str, fraction: float, message: str) -> None:
        told.append((step, fraction, message))

    tried = search({"a": GOOD, "b": GOOD}, tell=tell)
    tried.run([way("a", Fake(), Fake()), way("b", Fake(seconds=9))], lambda found: None)
    fractions = [fraction for _, fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] > 0.5
    assert {step for step, _, _ in told} == {"search"}
    assert told[0][2].startswith("a: fake")


def tiny_network() -> onnx.ModelProto:
    random = np.random.default_rng(0)
    sizes = (20, 64, 64, 3)
    nodes, weights = [], []
    for layer, (wide, narrow) in enumerate(pairwise(sizes)):
        given = "input" if layer == 0 else f"r{layer}"
        made = "logits" if layer == 2 else f"m{layer}"
        nodes.append(helper.make_node("Gemm", [given, f"w{layer}", f"b{layer}"], [made], name=f"g{layer}"))
        if layer < 2:
            nodes.append(helper.make_node("Relu", [made], [f"r{layer + 1}"], name=f"relu{layer}"))
        scale = (2 / wide) ** 0.5
        weights.append(numpy_helper.from_array(random.normal(0, scale, (wide, narrow)).astype(np.float32), f"w{layer}"))
        weights.append(numpy_helper.from_array(np.zeros(narrow, np.float32), f"b{layer}"))
    given, made = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])
        for name, size in (("input", 20), ("logits", 3))
    )
    graph = helper.make_graph(nodes, "tiny", [given], [made], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_a_tiny_network_in_eight_bits_is_rejected_for_its_measured_latency_although_its_size_passes() -> None:
    rows = np.random.default_rng(1).normal(size=(1200, 20)).astype(np.float32)
    contract = ModelContract.model_validate(
        {
            **CONTRACT,
            "task": {"kind": "classification", "classes": 3},
            "input": {"name": "input", "datatype": "FP32", "shape": [-1, 20]},
            "output": {"name": "logits", "datatype": "FP32", "shape": [-1, 3]},
        }
    )
    wanted = Objectives(maximum_loss=0.2, maximum_size_ratio=0.9, maximum_latency_ratio=1.0)
    content = rows_of(rows, np.full(1200, np.nan))
    bench = bench_of(content, contract=contract, objectives=wanted)
    steps = [{"technique": "quantize-static", "allowTiny": True}]
    config = Compress.model_validate({"alternatives": [{"name": "eight-bits", "steps": steps}]})
    made = compress(config, tiny_network(), bench)
    (tried,) = made.alternatives
    assert tried.outcome == "rejected", tried
    assert (tried.figures["sizeRatio"] or 1) < 0.9
    assert len(tried.reasons) == 1
    assert "its latency is" in tried.reasons[0]
    assert made.candidate is None
    assert "its latency is" in made.reasons[0]


def test_all_faults_of_written_alternatives_are_told_before_anything_runs(tmp_path: Path) -> None:
    static, distil = {"technique": "quantize-static"}, {"technique": "fine-tune"}
    parameters = {
        "alternatives": [
            {"name": "twice", "steps": [static, static]},
            {"name": "good", "steps": [static]},
            {"name": "late", "steps": [static, distil]},
        ]
    }
    job = write_job(tmp_path, recipe="compress", parameters=parameters)
    done = run(job, tmp_path / "out")
    assert done.returncode == 2
    left = json.loads((tmp_path / "out" / "error.json").read_text())
    assert left["code"] == "invalid-job"
    assert [fault.partition(":")[0] for fault in left["faults"]] == ["twice", "late"]
    assert "step 2 (fine-tune): it takes a model of form float, and here the model is qdq" in left["faults"][1]
    assert not (tmp_path / "out" / "stages").exists()


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"propose": ["magic"]}, "is not in the catalogue"),
        ({"alternatives": [{"name": "a", "steps": []}]}, "at least 1 item"),
        ({"alternatives": [{"name": "a", "steps": [{"technique": "magic"}]}]}, "magic"),
        ({"alternatives": [{"name": "a", "steps": [{"technique": "distil"}]}] * 2}, "different names: a"),
        ({"cause": "boredom"}, "cause"),
        ({"batchScale": 0}, "batchScale"),
    ],
)
def test_parameters_that_make_no_sense_are_faults(tmp_path: Path, parameters: dict[str, Any], told: str) -> None:
    from ratchet_runners.documents.job import read_job

    with pytest.raises(InvalidJob) as caught:
        read_job(write_job(tmp_path, recipe="compress", parameters=parameters))
    assert told in caught.value.text()


def test_smaller_batches_reach_every_step() -> None:
    from ratchet_runners.plan.catalogue import ALTERNATIVES, steps_of

    for name in ALTERNATIVES:
        for whole, halved in zip(steps_of(name), steps_of(name, 0.5), strict=True):
            rows = getattr(whole, "batch_size", None)
            assert getattr(halved, "batch_size", None) == (rows and rows // 2)


def static(**more: Any) -> Compress:
    steps = [{"technique": "quantize-static", "allowTiny": True}]
    return Compress.model_validate({"alternatives": [{"name": "static", "steps": steps}], **more})


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (rows_of(np.zeros((0, 1, 8, 8), np.float32), np.zeros(0)), "at least 64 usable rows, there are 0"),
        (rows_of(*images(1, 1)), "at least 64 usable rows, there are 1"),
        (rows_of(np.ones((400, 1, 8, 8), np.float32), np.zeros(400)), "cannot be split"),
        (rows_of(*images(63, 1)), "there are 63"),
    ],
)
def test_too_few_rows_are_refused(rows: Any, told: str) -> None:
    with pytest.raises(DataUnusable) as caught:
        compress(static(), network(), bench_of(rows))
    assert told in caught.value.text()


def test_a_constant_column_does_no_harm() -> None:
    inputs, labels = images(400, 1)
    inputs[:, :, 0, :] = 0.0
    bench = bench_of(rows_of(inputs, labels), objectives=Objectives(maximum_loss=0.1, favour="size"))
    assert compress(static(), network(), bench).candidate is not None


def test_what_is_held_back_changes_nothing_that_the_search_does() -> None:
    inputs, labels = images(400, 1)
    bench = bench_of(rows_of(inputs, labels), objectives=Objectives(maximum_loss=0.1, favour="size"))
    hidden = bench.split.held_back
    hidden = hidden[hidden >= 32]  # the first rows prove that normalising changes no answer
    garbled, wrong = inputs.copy(), labels.astype(np.float64)
    garbled[hidden] = np.random.default_rng(5).normal(0, 9, garbled[hidden].shape)
    wrong[hidden] = (wrong[hidden] + 1) % 4
    other = replace(bench, rows=replace(bench.rows, input=garbled, label=wrong))
    one, two = (compress(static(), network(), each).alternatives[0] for each in (bench, other))
    assert one.digest == two.digest
    for name in ("loss", "lossBound", "agreement"):
        assert one.figures[name] == two.figures[name]


def test_rows_that_no_search_saw_can_take_a_candidate_back() -> None:
    inputs, labels = images(4000, 1)
    bench = bench_of(rows_of(inputs, labels), objectives=Objectives(maximum_loss=0.05, favour="size"))
    damaged = bench.rows.input.copy()
    damaged[bench.split.held_back] *= 0.003  # a three hundredth of what the ranges fit: every row is the same to it
    made = compress(static(), network(), replace(bench, rows=replace(bench.rows, input=damaged)))
    assert made.alternatives[0].outcome == "chosen"
    assert made.candidate is None
    assert "on held-back rows it loses at least" in made.reasons[0]


def test_a_job_ends_with_a_candidate_and_says_all_it_tried(tmp_path: Path) -> None:
    parameters = {"alternatives": [static().model_dump(mode="json", by_alias=True)["alternatives"][0]]}
    wanted = {"maximumLoss": 0.1, "favour": "size"}
    job = write_job(tmp_path, recipe="compress", parameters=parameters, objectives=wanted)
    done = run(job, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    content = report(tmp_path / "out")
    assert content["outcome"] == "candidate"
    assert content["reasons"][0] == "static was chosen"
    assert content["data"]["split"]["heldBack"] > 0
    sides = [content["data"]["split"][side] for side in ("train", "select", "heldBack")]
    assert sum(sides) == content["data"]["used"]
    assert content["alternatives"][0]["steps"][0]["expectedSeconds"] > 0
    assert content["artifacts"][0]["digest"] == content["alternatives"][0]["digest"]
    assert content["hardware"].startswith(("x86", "arm64"))
    assert {each["name"] for each in content["plan"]} >= {"static"}
    assert not list((tmp_path / "out" / "stages").glob("*/model.onnx"))
    assert list((tmp_path / "out" / "stages").glob("01-quantize-static/stage.json"))


def test_no_candidate_with_reasons_is_a_good_answer(tmp_path: Path) -> None:
    wanted = {"maximumLoss": 1.0, "maximumSizeRatio": 0.001, "favour": "size"}
    parameters = {"alternatives": [static().model_dump(mode="json", by_alias=True)["alternatives"][0]]}
    job = write_job(tmp_path, recipe="compress", parameters=parameters, objectives=wanted)
    assert run(job, tmp_path / "out").returncode == 0
    content = report(tmp_path / "out")
    assert content["outcome"] == "no-candidate"
    assert "static: its size is" in content["reasons"][0]
    assert not (tmp_path / "out" / "candidate.onnx").exists()


def test_a_finished_step_is_shared_by_alternatives_that_begin_alike(tmp_path: Path) -> None:
    RAN.clear()
    stages = Stages(tmp_path)
    tried = search({"a": GOOD, "b": SMALL}, stages=stages)
    better: list[Tried] = []
    tried.run([way("a", Fake(scale=2), Fake(scale=3)), way("b", Fake(scale=2), Fake(scale=4))], better.append)
    assert [each.scale for each in RAN] == [2, 3, 4]
    assert [step.resumed for each in tried.reports() for step in each.steps] == [False, False, True, False]
