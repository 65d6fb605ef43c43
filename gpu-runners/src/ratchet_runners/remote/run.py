"""An attempt from its token to its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ratchet_runners.faults import RunnerFault
from ratchet_runners.remote.control_plane import ControlPlane, ExchangeFailed
from ratchet_runners.remote.delivery import deliver, say_end
from ratchet_runners.remote.heartbeat import Heartbeat, LogTail
from ratchet_runners.remote.inputs import fetch_job
from ratchet_runners.remote.stopping import Stopping

LOOK_SECONDS = 0.2
#: Of the grace period, what the child has to end by itself.
CHILD_SHARE = 0.5


@dataclass(frozen=True)
class RemoteOptions:
    api: str
    attempt: str
    token_file: Path
    work: Path
    patience: float = 900.0
    grace: float = 20.0
    ca_file: Path | None = None


def run_remote(options: RemoteOptions) -> int:
    """Fetches, runs and delivers; returns the exit code (README, "Exit codes")."""
    stopping = Stopping(options.grace)
    stopping.listen()
    plane = ControlPlane(options.api, options.attempt, options.token_file, stopping, options.patience, options.ca_file)
    output, log = options.work / "output", LogTail()
    heartbeat = Heartbeat(plane, output, log, stopping)
    try:
        return _attempt(options, plane, heartbeat, log, stopping)
    except RunnerFault as fault:
        print(fault.text(), file=sys.stderr)
        error = {"code": fault.code, "message": fault.message, "faults": list(fault.faults)}
        if isinstance(fault, ExchangeFailed):
            return fault.exit_code  # Whom should it be told to?
        return _last_word(plane, fault.exit_code, error)
    finally:
        heartbeat.stop()


def _attempt(
    options: RemoteOptions, plane: ControlPlane, heartbeat: Heartbeat, log: LogTail, stopping: Stopping
) -> int:
    output = options.work / "output"
    if not _is_done(output, options.attempt):
        job = fetch_job(plane, options.work, lambda what: _tell(heartbeat, stopping, "fetch", 0.0, what))
        stopping.raise_when_wanted()
        heartbeat.follow()
        code = _run_child(job, output, options.grace, log, stopping)
        if isinstance(stopping.fault, ExchangeFailed):
            raise stopping.fault
        if code != 0:
            return _last_word(plane, code, _error_of(output, code, log))
    # A result that is whole is delivered even when the end is wanted already: seconds are left for it.
    deliver(plane, output, lambda what: heartbeat.step("deliver", 1.0, what))
    say_end(plane, 0, None)
    return 0


def _tell(heartbeat: Heartbeat, stopping: Stopping, name: str, fraction: float, message: str) -> None:
    stopping.raise_when_wanted()
    heartbeat.step(name, fraction, message)


def _is_done(output: Path, attempt: str) -> bool:
    """True when an earlier start in this folder got as far as the report and was then cut off."""
    try:
        return json.loads((output / "report.json").read_bytes())["attempt"] == attempt
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _run_child(job: Path, output: Path, grace: float, log: LogTail, stopping: Stopping) -> int:
    """Runs the job in a process of its own, whose native code can hinder neither heartbeats nor signals."""
    command = [sys.executable, "-m", "ratchet_runners", "run", str(job), "--output", str(output)]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    copying = threading.Thread(target=_copy_log, args=(child, log), name="log", daemon=True)
    copying.start()
    while child.poll() is None:
        stopping.pause(LOOK_SECONDS)
        if stopping.wanted:
            _end(child, grace * CHILD_SHARE)
    copying.join(1)
    # A shell's way to say which signal it was.
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _copy_log(child: subprocess.Popen[bytes], log: LogTail) -> None:
    """To whoever reads this process's output, and the end of it to the control plane."""
    assert child.stdout is not None
    while chunk := child.stdout.read1(65536):  # pyright: ignore[reportAttributeAccessIssue]
        log.add(chunk)
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def _end(child: subprocess.Popen[bytes], seconds: float) -> None:
    child.terminate()
    deadline = time.monotonic() + seconds
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    if child.poll() is None:
        child.kill()
        child.wait()


def _error_of(output: Path, code: int, log: LogTail) -> dict[str, Any]:
    """What the child said about its failure, or what can be said of it."""
    try:
        said = json.loads((output / "error.json").read_bytes())
        return {
            "code": str(said["code"])[:100],
            "message": str(said["message"])[:4000],
            "faults": [str(fault)[:4000] for fault in said["faults"]][:200],
        }
    except (OSError, ValueError, KeyError, TypeError):
        lines = log.text().strip().splitlines()
        told = f": {lines[-1][:1000]}" if lines else ""
        return {"code": "internal", "message": f"The recipe ended with {code}{told}", "faults": []}


def _last_word(plane: ControlPlane, code: int, error: dict[str, Any]) -> int:
    """Tells how it ended. The exit code says it as well, so that it does not matter when nobody listens."""
    try:
        say_end(plane, code, error)
    except ExchangeFailed as fault:
        print(fault.text(), file=sys.stderr)
    return code
