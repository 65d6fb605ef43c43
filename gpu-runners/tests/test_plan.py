"""Plans: what can be done, why not, what it takes and should bring; steps in an order that cannot work are told."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from onnx import helper

from ratchet_runners.documents.job import ModelContract
from ratchet_runners.plan.catalogue import ALTERNATIVES, CATALOGUE, ORDER, proposed, steps_of
from ratchet_runners.plan.causes import CAUSES
from ratchet_runners.plan.costs import FASTEST, SLOWEST, Costs, learned_factors, machine_factor
from ratchet_runners.plan.forecast import forecast, technique_name
from ratchet_runners.recipes.compress import Alternative
from ratchet_runners.recipes.techniques import TECHNIQUES
from support import CONTRACT, command, environment, network, write_job
from support_running import Fake, subject


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_every_alternative_of_the_catalogue_can_be_made_and_is_possible_for_some_model(name: str) -> None:
    assert name in ALTERNATIVES, "one of its techniques is not in recipes/techniques.py"
    steps = [step.model_dump(mode="json", by_alias=True) for step in steps_of(name)]
    assert Alternative.model_validate({"name": name, "steps": steps}).steps == steps_of(name)
    everything = subject(operators={"Conv": 4, "MatMul": 4, "Gemm": 1, "Relu": 4, "Gather": 1}, teacher=True)
    assert forecast(name, steps_of(name), everything, Costs()).objections == ()


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_is_answered_by_alternatives_that_there_are(cause: Any) -> None:
    assert set(ORDER[cause]) <= set(CATALOGUE)
    assert proposed(cause, subject())


def test_matrix_products_are_tried_with_dynamic_scales_first_and_convolutions_never() -> None:
    assert proposed("latency", subject(operators={"MatMul": 12}))[0] == "dynamic"
    assert proposed("latency", subject(operators={"Conv": 12}))[0] == "static"
    only_convolutions = forecast("dynamic", steps_of("dynamic"), subject(operators={"Conv": 12}), Costs())
    assert "no matrix products" in only_convolutions.objections[0]


def test_all_objections_of_an_order_that_cannot_work_are_found_in_one_look() -> None:
    steps = (*steps_of("static"), *steps_of("prune"), *steps_of("quantize-aware"))
    bare = subject(installed=frozenset[str](), rows=10)
    told = forecast("mixed-up", steps, bare, Costs()).objections
    assert any(reason.startswith("step 1 (quantize-static): it needs at least 32 rows") for reason in told)
    assert any("step 2 (prune-channels): it takes a model of form float, and here the model is qdq" in r for r in told)
    assert any("step 3 (quantize-aware): it needs torch" in reason for reason in told)


def test_operators_that_cannot_be_trained_leave_what_needs_no_training() -> None:
    strange = subject(untrainable=("Loop",))
    assert forecast("static", steps_of("static"), strange, Costs()).possible
    (told,) = {*forecast("aware", steps_of("quantize-aware"), strange, Costs()).objections}
    assert "does not know Loop; post-training steps still work" in told


def test_what_a_step_leaves_is_what_the_next_one_is_asked_about() -> None:
    expected = forecast("two", (Fake(leaves="qdq", seconds=2), Fake(seconds=3)), subject(), Costs(machine=2.0))
    assert expected.size_ratio == 0.25
    assert expected.seconds == 10.0
    assert expected.peak_bytes == 1000


def test_a_plan_expects_what_was_measured() -> None:
    """Convolutions in eight bits run 2 to 4 times faster, tiny networks slower, pruned ones faster."""

    def ratio(name: str, **more: Any) -> float:
        return forecast(name, steps_of(name), subject(**more), Costs()).latency_ratio

    assert 0.25 < ratio("static") < 0.55
    assert ratio("static", weights=4000) > 1
    assert ratio("prune-quantize") < ratio("static")
    assert ratio("dynamic", operators={"MatMul": 8}) < 0.5
    assert ratio("half") > 1


def test_costs_follow_the_machine_and_what_past_reports_took() -> None:
    step = steps_of("static")[0]
    plain = Costs().of(step, subject()).seconds
    assert Costs(machine=3.0).of(step, subject()).seconds == pytest.approx(3 * plain, rel=0.1)
    slow = {"steps": [{"technique": "quantize-static", "seconds": 8.0, "expectedSeconds": 2.0}]}
    once, often = (learned_factors([slow] * count)["quantize-static"] for count in (1, 50))
    assert 1.2 < once < 2.0
    assert often == pytest.approx(4.0, rel=0.1)
    assert learned_factors([{"alternatives": [{"steps": slow["steps"]}]}]) == learned_factors([slow])
    assert learned_factors([{"steps": [{"technique": "quantize-static", "seconds": 8.0}]}]) == {}


def test_the_machine_is_measured_within_reason() -> None:
    assert FASTEST <= machine_factor(0.01) <= SLOWEST


def test_every_technique_tells_its_cost() -> None:
    for kind in TECHNIQUES:
        cost = kind.model_validate({}).cost(subject())
        assert cost.seconds > 0, technique_name(kind.model_validate({}))
        assert cost.peak_bytes > 0


def plan(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("plan", *arguments), env=environment(), capture_output=True, text=True, timeout=80, check=False
    )


def test_a_plan_of_a_job_runs_nothing_and_says_all(tmp_path: Path) -> None:
    told = plan(write_job(tmp_path, recipe="compress", parameters={"cause": "size"}), "--json")
    assert told.returncode == 0, told.stderr
    content = json.loads(told.stdout)
    assert content["schema"] == "ratchet.dev/plan/v1"
    assert content["cause"] == "size"
    assert content["rows"] < 400
    assert {each["name"] for each in content["alternatives"]} == set(ALTERNATIVES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job.json", "reference.onnx", "train.arrow"]


def test_a_plan_of_a_model_is_a_table_with_reasons(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(network().SerializeToString())
    told = plan(tmp_path / "model.onnx", "--rows", "20")
    assert told.returncode == 0, told.stderr
    assert "Cannot be done here:" in told.stdout
    assert "static: step 1 (quantize-static): it needs at least 32 rows, and there are 20" in told.stdout
    assert "half" in told.stdout.partition("Cannot be done")[0]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("gone.onnx",), 4, "cannot be read"),
        (("gone.json",), 2, "cannot be read"),
        (("model.onnx", "--report", "gone.json"), 2, "past report"),
    ],
)
def test_a_plan_that_cannot_be_made_says_why(tmp_path: Path, arguments: Any, code: int, told: str) -> None:
    (tmp_path / "model.onnx").write_bytes(network().SerializeToString())
    done = plan(*(tmp_path / part if "." in part else part for part in arguments))
    assert done.returncode == code
    assert told in done.stderr


def test_a_proposal_that_is_not_possible_is_left_out_with_the_reason() -> None:
    """Written alternatives are refused for the same (tests of compress); proposals were made without the model."""
    from ratchet_runners.recipes.compress import Compress
    from ratchet_runners.recipes.compress_run import compress
    from support_running import bench_of

    model = network()
    kept = [node for node in model.graph.node if node.op_type != "Gemm"]
    kept.append(helper.make_node("ReduceMean", ["r2"], ["logits"], name="mean", axes=[1, 2], keepdims=0))
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 8
    contract = ModelContract.model_validate(
        {**CONTRACT, "output": {"name": "logits", "datatype": "FP32", "shape": [-1, 8]}}
    )
    made = compress(Compress(propose=("dynamic",)), model, bench_of(contract=contract))
    assert made.candidate is None
    assert made.reasons[0].startswith("dynamic: step 1 (quantize-dynamic): the model has no matrix products")
