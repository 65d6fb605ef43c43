"""Time, memory, disk, signals: the runner ends itself, says why, and leaves nothing half-written."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

from support import command, environment, failure, images, report, run, table, write_job, write_table

SLOW = {"fineTune": {"epochs": 1000, "patience": 1000, "wallShare": 1.0}}


def slow_job(folder: Path, **changes: object) -> Path:
    rows, labels = images(2000, 3)
    folder.mkdir(exist_ok=True)
    write_table(table(rows, labels, 2000, "fresh", "f"), folder / "train.arrow")
    return write_job(folder, recipe="incremental-distillation", parameters=SLOW, data__train__rows=2000, **changes)


def test_sigterm_ends_it_with_143_in_the_middle_of_a_step(tmp_path: Path) -> None:
    output = tmp_path / "out"
    process = subprocess.Popen(
        command("run", slow_job(tmp_path), "--output", output), env=environment(), stderr=subprocess.PIPE, text=True
    )
    progress = output / "progress.jsonl"
    deadline = time.monotonic() + 40
    while not (progress.exists() and '"epoch' in progress.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=5)
    assert process.returncode == 143
    assert "SIGTERM" in told
    assert failure(output)["code"] == "terminated"
    assert not (output / "report.json").exists()


def test_the_wall_limit_ends_it_with_five(tmp_path: Path) -> None:
    started = time.monotonic()
    done = run(write_job(tmp_path, limits__wallSeconds=0.3), tmp_path / "out")
    assert done.returncode == 5, done.stderr
    assert "longer than its 0.3 seconds" in done.stderr
    assert failure(tmp_path / "out")["code"] == "limit-exceeded"
    assert time.monotonic() - started < 10


def test_training_keeps_within_the_time_and_still_gives_a_candidate(tmp_path: Path) -> None:
    slow_job(tmp_path)
    job = write_job(
        tmp_path,
        recipe="incremental-distillation",
        parameters={"fineTune": {"epochs": 1000, "patience": 1000, "wallShare": 0.05}, "distil": {"epochs": 1}},
        data__train__rows=2000,
        limits__wallSeconds=40,
    )
    done = run(job, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    content = report(tmp_path / "out")
    assert content["outcome"] == "candidate"
    assert any("cut short" in reason for reason in content["reasons"])
    assert content["wallSeconds"] < 40


def test_the_memory_limit_ends_it_with_five(tmp_path: Path) -> None:
    done = run(write_job(tmp_path, limits__maxRssBytes=60 << 20), tmp_path / "out")
    assert done.returncode == 5, done.stderr
    assert "memory" in done.stderr
    assert failure(tmp_path / "out")["code"] == "limit-exceeded"


SMALL_FILES = """
import resource, signal, sys
from pathlib import Path
from ratchet_runners.execution.output import Output
from ratchet_runners.faults import LimitExceeded
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
output = Output(Path(sys.argv[1]))
try:
    output.write("candidate.onnx", bytes(5000))
except LimitExceeded as fault:
    output.fail(fault)
    raise SystemExit(fault.exit_code)
"""


def test_a_full_disk_is_told_and_leaves_no_half_file(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SMALL_FILES, tmp_path], env=environment(), check=False)
    assert done.returncode == 5
    assert "No space is left" in failure(tmp_path)["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["error.json"]


def test_a_heartbeat_comes_at_least_every_second(tmp_path: Path) -> None:
    job = slow_job(tmp_path, limits__wallSeconds=6)
    run(job, tmp_path / "out")
    from datetime import datetime

    lines = (tmp_path / "out" / "progress.jsonl").read_text().splitlines()
    times = [datetime.fromisoformat(json.loads(line)["at"].replace("Z", "+00:00")) for line in lines if line]
    assert max((later - earlier).total_seconds() for earlier, later in pairwise(times)) < 2


def test_threads_are_limited_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    import os

    from ratchet_runners.execution.limits import limit_threads

    saved = dict(os.environ)
    try:
        limit_threads(3)
        assert os.environ["OMP_NUM_THREADS"] == "3"
    finally:
        os.environ.clear()
        os.environ.update(saved)


def test_no_more_processors_are_used_than_allowed(tmp_path: Path) -> None:
    """Threads that wait count nothing: what counts is time on processors, which one thread cannot exceed."""
    import os

    output = tmp_path / "out"
    started = time.monotonic()
    process = subprocess.Popen(
        command("run", slow_job(tmp_path, limits__wallSeconds=12), "--output", output),
        env=environment(),
        stderr=subprocess.DEVNULL,
    )
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    assert used.ru_utime + used.ru_stime <= 1.3 * (time.monotonic() - started)


def test_percentile_calibration_holds_a_batch_and_not_the_rows(tmp_path: Path) -> None:
    rows, labels = images(4000, 3)
    write_table(table(rows, labels, 100, "fresh", "f"), tmp_path / "train.arrow")
    peaks: list[int] = []
    for method in ("min-max", "percentile"):
        parameters = {"method": method, "calibrationRows": 3000}
        job = write_job(tmp_path, parameters=parameters, data__train__rows=4000)
        assert run(job, tmp_path / method).returncode == 0
        peaks.append(report(tmp_path / method)["peakRssBytes"])
    # All activations of 3,000 rows would be 100 MB.
    assert peaks[1] < peaks[0] + (40 << 20)
