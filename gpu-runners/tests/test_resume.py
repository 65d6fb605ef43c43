"""Killed and started again: what was finished is not done twice, and the candidate is the same."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ratchet_runners.documents.job import Objectives, read_job
from ratchet_runners.execution.attempt import Attempt
from ratchet_runners.execution.output import Output
from ratchet_runners.execution.progress import Progress
from ratchet_runners.execution.stages import Stages, key_of
from ratchet_runners.faults import InvalidJob, LimitExceeded
from ratchet_runners.recipes.outcome import Made
from ratchet_runners.recipes.pipeline import take_steps
from support import command, environment, network, report, run, write_job
from support_running import RAN, Fake, bench_of

STATIC = {"technique": "quantize-static", "allowTiny": True}
DISTIL = {"technique": "distil", "epochs": 400, "patience": 400, "wallShare": 1.0}
#: Slow machines import torch for a long time; a test that ends early says why at once.
WALL = 300
PARAMETERS = {
    "alternatives": [{"name": "static", "steps": [STATIC]}, {"name": "taught", "steps": [DISTIL, STATIC]}],
}


def test_a_stage_is_found_by_what_it_was_made_from_and_by_nothing_else(tmp_path: Path) -> None:
    stages = Stages(tmp_path)
    stages.keep(key_of({"a": 1}), "quantize-static", {"x": 1}, b"model")
    again = Stages(tmp_path)
    found = again.find(key_of({"a": 1}))
    assert found is not None
    assert (found.content["x"], found.model) == (1, b"model")
    assert again.find(key_of({"a": 2})) is None
    again.keep(key_of({"a": 2}), "odd name/..", {"x": 2})
    assert sorted(place.name for place in (tmp_path / "stages").iterdir()) == ["01-quantize-static", "02-odd-name-.."]


@pytest.mark.parametrize("damage", ["no json", "half", "other model", "no model"])
def test_a_damaged_stage_counts_as_not_there_and_is_made_again_in_its_place(tmp_path: Path, damage: str) -> None:
    Stages(tmp_path).keep("k", "step", {}, b"model")
    place = tmp_path / "stages" / "01-step"
    if damage == "no json":
        (place / "stage.json").unlink()
    elif damage == "half":
        (place / "stage.json").write_text((place / "stage.json").read_text()[:40])
    elif damage == "other model":
        (place / "model.onnx").write_bytes(b"modem")
    else:
        (place / "model.onnx").unlink()
    stages = Stages(tmp_path)
    assert stages.find("k") is None
    stages.keep("k", "step", {}, b"model")
    found = Stages(tmp_path).find("k")
    assert found is not None
    assert found.model == b"model"


def test_a_step_finds_again_what_it_left_only_when_it_was_interrupted(tmp_path: Path) -> None:
    stages = Stages(tmp_path)

    def interrupted() -> None:
        with stages.scratch("k" * 64) as scratch:
            (scratch / "epoch-3").write_text("weights")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with Stages(tmp_path).scratch("k" * 64) as scratch:
        assert (scratch / "epoch-3").read_text() == "weights"
    with stages.scratch("k" * 64) as scratch:
        assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"threads": 2},
        {"objectives": Objectives(maximum_loss=0.5)},
        {"models": {"teacher": network(3)}},
    ],
)
def test_a_step_is_done_again_when_anything_that_it_depends_on_differs(tmp_path: Path, change: dict[str, Any]) -> None:
    RAN.clear()
    bench = bench_of(stages=Stages(tmp_path))
    first = take_steps([Fake(scale=2)], network(), bench)
    again = take_steps([Fake(scale=2)], network(), bench)
    assert (len(RAN), again.steps[0].resumed) == (1, True)
    assert again.steps[0].output == first.steps[0].output
    assert again.model == first.model
    take_steps([Fake(scale=2)], network(), replace(bench, **change))
    take_steps([Fake(scale=2)], network(4), bench)
    take_steps([Fake(scale=3)], network(), bench)
    assert len(RAN) == 4


def killed(job: Path, output: Path, name: signal.Signals) -> int:
    """Ends a run in the middle of the training, after the first alternative was finished."""
    process = subprocess.Popen(
        command("run", job, "--output", output), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    ending = time.monotonic() + 60
    while time.monotonic() < ending and process.poll() is None:
        told = output / "progress.jsonl"
        if told.exists() and "taught: distil, epoch" in told.read_text():
            break
        time.sleep(0.02)
    process.send_signal(name)
    process.communicate(timeout=20)
    return process.returncode


def test_a_search_that_was_killed_goes_on_and_ends_with_the_same_candidate(tmp_path: Path) -> None:
    wanted = {"maximumLoss": 0.2, "favour": "size"}
    job = write_job(tmp_path, recipe="compress", parameters=PARAMETERS, objectives=wanted, limits__wallSeconds=WALL)
    output = tmp_path / "out"
    assert killed(job, output, signal.SIGKILL) == -signal.SIGKILL
    assert not (output / "report.json").exists()
    short = {**PARAMETERS["alternatives"][1], "steps": [{**DISTIL, "epochs": 2}, STATIC]}
    job = write_job(
        tmp_path,
        recipe="compress",
        parameters={"alternatives": [PARAMETERS["alternatives"][0], short]},
        objectives=wanted,
        limits__wallSeconds=WALL,
    )
    assert run(job, output).returncode == 0
    assert run(job, tmp_path / "other").returncode == 0
    resumed, whole = report(output), report(tmp_path / "other")
    assert [step["resumed"] for step in resumed["alternatives"][0]["steps"]] == [True]
    assert not any(step["resumed"] for each in whole["alternatives"] for step in each["steps"])
    assert resumed["artifacts"] == whole["artifacts"]
    assert [each["digest"] for each in resumed["alternatives"]] == [each["digest"] for each in whole["alternatives"]]


def test_two_runs_do_not_share_an_output_folder(tmp_path: Path) -> None:
    first = Output(tmp_path / "out")
    (tmp_path / "out" / "report.json").write_text("{}")
    with pytest.raises(InvalidJob, match="Another run works"):
        Output(tmp_path / "out")
    assert (tmp_path / "out" / "report.json").exists()
    assert first.folder == tmp_path / "out"


def test_two_jobs_of_one_parent_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    parameters = {"alternatives": PARAMETERS["alternatives"][:1]}
    job = write_job(
        tmp_path, recipe="compress", parameters=parameters, objectives={"maximumLoss": 0.2, "favour": "size"}
    )
    both = [
        subprocess.Popen(command("run", job, "--output", tmp_path / name), env=environment(), stdout=subprocess.DEVNULL)
        for name in "ab"
    ]
    assert [process.wait(timeout=80) for process in both] == [0, 0]
    assert report(tmp_path / "a")["artifacts"] == report(tmp_path / "b")["artifacts"]


def attempt_that_offers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: Any) -> Attempt:
    """An attempt whose recipe offers a candidate and goes on as `then` says."""

    def recipe(config: Any, reference: Any, bench: Any) -> Made:
        made = Made(reference, None, ("first was chosen",), {}, ())
        bench.offer(made)
        then()
        return replace(made, reasons=("second was chosen",))

    monkeypatch.setattr("ratchet_runners.execution.attempt.RUNS", {"compress": recipe})
    job = write_job(tmp_path, recipe="compress")
    output = Output(tmp_path / "out")
    progress = Progress(output.folder / "progress.jsonl", {"search": 1.0}, lambda fault: None)
    progress.stop()
    return Attempt(read_job(job), job, output, progress, time.monotonic())


def test_a_breached_limit_ends_with_the_best_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    breach = LimitExceeded("The job took longer than its 9 seconds")
    attempt = attempt_that_offers(tmp_path, monkeypatch, lambda: attempt.rescue(breach))
    assert attempt.rescue(breach) is None
    told = attempt.run()
    assert told.outcome == "candidate"
    assert told.reasons[0].startswith("The job took longer than its 9 seconds; this is the best")
    assert report(tmp_path / "out")["reasons"][1] == "first was chosen"
    assert attempt.rescue(breach) is told


def test_a_limit_that_is_breached_after_the_end_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = attempt_that_offers(tmp_path, monkeypatch, lambda: None)
    told = attempt.run()
    assert told.reasons[0] == "second was chosen"
    assert attempt.rescue(LimitExceeded("late")) is told
    assert report(tmp_path / "out")["reasons"][0] == "second was chosen"


WATCHED = """
import sys, time
from ratchet_runners.documents.job import Limits
from ratchet_runners.execution.limits import Watchdog
limits = Limits(wall_seconds=0.2, max_rss_bytes=1 << 40, threads=1)
watchdog = Watchdog(limits, time.monotonic(), lambda fault: print("failed", flush=True))
ways = {"report": lambda fault: "report", "nothing": lambda fault: None, "fault": lambda fault: 1 / 0}
if sys.argv[1] != "none":
    watchdog.rescue_with(ways[sys.argv[1]])
time.sleep(30)
"""


@pytest.mark.parametrize(("rescue", "code"), [("report", 0), ("nothing", 5), ("fault", 5), ("none", 5)])
def test_only_a_report_makes_a_breach_end_well(rescue: str, code: int) -> None:
    import sys

    done = subprocess.run(
        [sys.executable, "-c", WATCHED, rescue], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert ("failed" in done.stdout) == (code != 0)
