"""An attempt elsewhere: whatever the line and the control plane do, no result is lost and nothing runs on unwanted."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from control_plane_double import TOKEN, ControlPlaneDouble, Handler, sha
from support import command, environment, images, table, write_job, write_table

SLOW = {"fineTune": {"epochs": 1000, "patience": 1000, "wallShare": 1.0}}
Mischief = Callable[[Handler], None]


@pytest.fixture(name="plane")
def _plane(tmp_path: Path) -> Iterator[ControlPlaneDouble]:
    plane = ControlPlaneDouble(write_job(tmp_path / "there"))
    yield plane
    plane.close()


def start(plane: ControlPlaneDouble, tmp_path: Path, *more: str) -> subprocess.Popen[str]:
    token = tmp_path / "token"
    if not token.exists():
        token.write_text(TOKEN + "\n")
    options = ["--api", plane.url, "--attempt", plane.attempt, "--token-file", token, "--work", tmp_path / "here"]
    return subprocess.Popen(
        command("remote", *options, *more),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str], seconds: float = 90) -> tuple[int, str]:
    said, _ = process.communicate(timeout=seconds)
    return process.returncode, said


def until(look: Callable[[], Any], seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
    return found


def first(times: int, path: str, mischief: Mischief) -> Callable[[str, str], Mischief | None]:
    """Misbehaves at the first calls to a path."""
    left = [times]

    def look(_method: str, called: str) -> Mischief | None:
        if not called.startswith(path) or left[0] == 0:
            return None
        left[0] -= 1
        return mischief

    return look


def slow_plane(tmp_path: Path) -> ControlPlaneDouble:
    there = tmp_path / "there"
    there.mkdir()
    rows, labels = images(2000, 3)
    write_table(table(rows, labels, 2000, "fresh", "f"), there / "train.arrow")
    more = {"recipe": "incremental-distillation", "parameters": SLOW, "data__train__rows": 2000}
    return ControlPlaneDouble(write_job(there, **more, data__train__labelled=2000))


def test_an_attempt_brings_its_candidate_its_report_and_its_exit_code(
    plane: ControlPlaneDouble, tmp_path: Path
) -> None:
    code, said = finish(start(plane, tmp_path))
    assert (code, plane.end) == (0, {"exitCode": 0, "error": None}), said
    assert plane.report is not None
    (artifact,) = plane.report["artifacts"]
    assert sha(plane.files["candidate.onnx"]) == artifact["digest"]
    assert plane.report["read"]["train"] == plane.document["data"]["train"]["digest"]
    assert plane.beats[0]["progress"]["step"] == "fetch"
    assert set(plane.tokens) == {f"Bearer {TOKEN}"}
    assert TOKEN not in said
    # The last word comes last.
    ends = [call for call in plane.calls if call[1] != "heartbeat"]
    assert ends[-2:] == [("PUT", "report"), ("POST", "end")]


@pytest.mark.parametrize("status", [429, 502])
def test_a_busy_control_plane_is_asked_again(plane: ControlPlaneDouble, tmp_path: Path, status: int) -> None:
    plane.mischief = first(2, "document", lambda handler: handler.problem(status, "busy", **{"Retry-After": "1"}))
    began = time.monotonic()
    code, said = finish(start(plane, tmp_path))
    assert (code, plane.count("GET", "document")) == (0, 3), said
    assert time.monotonic() - began > 2


def test_a_file_that_breaks_off_goes_on_where_it_broke(plane: ControlPlaneDouble, tmp_path: Path) -> None:
    train = plane.document["data"]["train"]["digest"]
    content = plane.inputs[train]
    half = len(content) // 2
    plane.mischief = first(1, f"inputs/{train}", lambda handler: handler.break_off(len(content), content[:half]))
    code, said = finish(start(plane, tmp_path))
    assert (code, plane.ranges) == (0, [f"bytes={half}-"]), said


def test_a_file_that_arrives_damaged_is_fetched_again_and_then_given_up(
    plane: ControlPlaneDouble, tmp_path: Path
) -> None:
    train = plane.document["data"]["train"]["digest"]
    damaged = bytes(len(plane.inputs[train]))
    plane.mischief = first(2, f"inputs/{train}", lambda handler: handler.answer(200, damaged))
    assert finish(start(plane, tmp_path))[0] == 0
    assert plane.count("GET", f"inputs/{train}") == 3

    plane.end = None
    plane.mischief = first(99, f"inputs/{train}", lambda handler: handler.answer(200, damaged))
    (tmp_path / "here" / "output" / "report.json").unlink()
    (tmp_path / "here" / "inputs" / train.removeprefix("sha256:")).unlink()
    code, said = finish(start(plane, tmp_path))
    assert code == 6
    assert "arrived damaged" in said


def test_a_part_that_is_damaged_on_its_way_is_sent_again(plane: ControlPlaneDouble, tmp_path: Path) -> None:
    plane.mischief = first(2, "parts/", lambda handler: handler.problem(422, "another digest"))
    assert finish(start(plane, tmp_path))[0] == 0
    assert sum(1 for method, path in plane.calls if method == "PUT" and path.startswith("parts/")) == 3


def test_a_control_plane_that_is_away_while_training_runs_gets_the_result_when_it_is_back(
    plane: ControlPlaneDouble, tmp_path: Path
) -> None:
    process = start(plane, tmp_path)
    until(lambda: plane.count("GET", "document"))
    until((tmp_path / "here" / "output" / "progress.jsonl").exists)
    plane.close()
    until((tmp_path / "here" / "output" / "report.json").exists)
    time.sleep(3)
    assert process.poll() is None
    plane.open()
    code, said = finish(process)
    assert (code, plane.end) == (0, {"exitCode": 0, "error": None}), said
    assert "candidate.onnx" in plane.files


def test_a_second_start_after_kill_nine_delivers_what_is_there(plane: ControlPlaneDouble, tmp_path: Path) -> None:
    plane.mischief = first(99, "files", lambda handler: handler.problem(503))
    process = start(plane, tmp_path)
    until(lambda: plane.count("GET", "files"))
    process.kill()
    process.wait()
    plane.mischief = lambda _method, _path: None
    report = (tmp_path / "here" / "output" / "report.json").read_text()
    assert finish(start(plane, tmp_path))[0] == 0
    assert plane.report == json.loads(report)
    assert plane.count("GET", "document") == 1


@pytest.mark.parametrize(
    ("changes", "code", "error"),
    [
        ({"parameters": {"unknown": 1}}, 2, "invalid-job"),
        ({"model__output__shape": [-1, 5], "model__task__classes": 5}, 4, "model-unusable"),
        ({"limits__maxRssBytes": 60 << 20}, 5, "limit-exceeded"),
    ],
)
def test_exit_codes_and_errors_go_through(tmp_path: Path, changes: dict[str, Any], code: int, error: str) -> None:
    plane = ControlPlaneDouble(write_job(tmp_path / "there", **changes))
    try:
        ended, said = finish(start(plane, tmp_path))
        assert ended == code, said
        assert plane.end is not None
        assert (plane.end["exitCode"], plane.end["error"]["code"]) == (code, error)
        assert plane.report is None
    finally:
        plane.close()


def test_sigterm_ends_the_recipe_and_tells_it(tmp_path: Path) -> None:
    plane = slow_plane(tmp_path)
    try:
        process = start(plane, tmp_path)
        until(lambda: any("epoch" in (beat.get("progress") or {}).get("message", "") for beat in plane.beats))
        process.send_signal(signal.SIGTERM)
        code, said = finish(process, 15)
        assert code == 143, said
        assert plane.end is not None
        assert (plane.end["exitCode"], plane.end["error"]["code"]) == (143, "terminated")
        assert any(beat.get("outputBytes", 0) > 0 for beat in plane.beats)
        steps = {beat["progress"]["step"] for beat in plane.beats if "progress" in beat}
        assert {"fetch", "train"} <= steps
    finally:
        plane.close()


def test_sigterm_while_nobody_answers_ends_within_the_grace_period(plane: ControlPlaneDouble, tmp_path: Path) -> None:
    plane.mischief = lambda _method, _path: lambda handler: handler.problem(503)
    process = start(plane, tmp_path, "--grace", "2")
    until(lambda: plane.count("GET", "document"))
    process.send_signal(signal.SIGTERM)
    code, said = finish(process, 10)
    assert code in (6, 143), said


def test_a_result_that_is_whole_is_delivered_even_though_sigterm_came(
    plane: ControlPlaneDouble, tmp_path: Path
) -> None:
    plane.mischief = first(99, "files", lambda handler: handler.problem(503))
    process = start(plane, tmp_path)
    until(lambda: plane.count("GET", "files"))
    process.send_signal(signal.SIGTERM)
    plane.mischief = lambda _method, _path: None
    code, said = finish(process, 20)
    assert (code, plane.end) == (0, {"exitCode": 0, "error": None}), said


@pytest.mark.parametrize("answer", ["ended", "another attempt's"])
def test_what_nobody_wants_any_more_ends(tmp_path: Path, answer: str) -> None:
    plane = slow_plane(tmp_path)
    try:
        process = start(plane, tmp_path)
        until(lambda: any((beat.get("progress") or {}).get("step") == "train" for beat in plane.beats))
        if answer == "ended":
            plane.mischief = first(9, "heartbeat", lambda handler: handler.answer(200, {"ended": True}))
        else:
            plane.mischief = first(9, "heartbeat", lambda handler: handler.problem(403, "another attempt's"))
        code, said = finish(process, 20)
        assert code == 6, said
        assert "not wanted any more" in said
    finally:
        plane.close()


def test_one_heartbeat_that_is_refused_is_no_reason_to_end(plane: ControlPlaneDouble, tmp_path: Path) -> None:
    plane.mischief = first(99, "heartbeat", lambda handler: handler.problem(400, "cannot be read"))
    assert finish(start(plane, tmp_path))[0] == 0


def test_patience_ends(plane: ControlPlaneDouble, tmp_path: Path) -> None:
    plane.close()
    began = time.monotonic()
    code, said = finish(start(plane, tmp_path, "--patience", "2"), 20)
    assert code == 6
    assert "No good answer to GET document" in said
    assert time.monotonic() - began < 10


def test_a_token_that_is_replaced_in_its_file_goes_on(plane: ControlPlaneDouble, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("ra_old")
    process = start(plane, tmp_path)
    until(lambda: plane.count("GET", "document") > 1)
    (tmp_path / "token").write_text(TOKEN)
    assert finish(process)[0] == 0


def test_what_is_too_much_ends_with_five(plane: ControlPlaneDouble, tmp_path: Path) -> None:
    plane.mischief = first(9, "parts/", lambda handler: handler.problem(413, "10 bytes are allowed"))
    code, said = finish(start(plane, tmp_path))
    assert code == 5, said
    assert plane.end is not None
    assert plane.end["error"]["code"] == "limit-exceeded"


def test_no_redirect_takes_the_token_elsewhere(plane: ControlPlaneDouble, tmp_path: Path) -> None:
    other = ControlPlaneDouble(write_job(tmp_path / "other"))
    try:
        where = {"Location": f"{other.url}/api/v1/attempts/{plane.attempt}/document"}
        plane.mischief = first(9, "document", lambda handler: handler.answer(307, {}, where))
        code, said = finish(start(plane, tmp_path))
        assert (code, other.calls) == (6, []), said
    finally:
        other.close()


def test_files_never_leave_the_work_folder(plane: ControlPlaneDouble, tmp_path: Path) -> None:
    plane.document["artifacts"]["reference"]["path"] = "../../outside.onnx"
    assert finish(start(plane, tmp_path))[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "there", "token"]


def test_a_url_that_is_none_is_refused(tmp_path: Path) -> None:
    options = ["--attempt", "a", "--token-file", tmp_path / "t", "--work", tmp_path / "w"]
    done = subprocess.run(
        command("remote", "--api", "file:///etc", *options),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 6
    assert "no URL of a control plane" in done.stderr
