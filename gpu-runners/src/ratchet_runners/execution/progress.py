"""`progress.jsonl`: one line an event, and one at least every second, so that a silent runner is a dead one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from ratchet_runners.documents.report import ProgressEvent
from ratchet_runners.execution.output import disk_full_is_a_limit
from ratchet_runners.faults import RunnerFault

HEARTBEAT_SECONDS = 0.8
#: Events that come faster than this are only remembered; the heartbeat writes the newest.
THROTTLE_SECONDS = 0.1


class Progress:
    """Weights of the steps turn a step's fraction into the job's. Safe to call from any thread."""

    def __init__(self, path: Path, plan: dict[str, float], on_fault: Callable[[RunnerFault], None]) -> None:
        self._path = path
        self._plan = plan
        self._on_fault = on_fault
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._last = 0.0
        self._state = ("start", 0.0, "")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        with disk_full_is_a_limit(path.parent):
            path.touch()
        self._thread.start()

    def tell(self, step: str, fraction: float, message: str) -> None:
        """Reports how much of a step is done; the job's own fraction never falls."""
        with self._lock:
            previous = self._state
            done = max(previous[1], self._overall(step, min(1.0, max(0.0, fraction))))
            self._state = (step, done, message)
            hurry = previous[0] == step and done < 1 and time.monotonic() - self._last < THROTTLE_SECONDS
            if not hurry:
                self._write()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _overall(self, step: str, fraction: float) -> float:
        done = 0.0
        for name, share in self._plan.items():
            if name == step:
                return done + share * fraction
            done += share
        return self._state[1]

    def _beat(self) -> None:
        while not self._stopped.wait(HEARTBEAT_SECONDS / 4):
            try:
                with self._lock:
                    if time.monotonic() - self._last >= HEARTBEAT_SECONDS:
                        self._write()
            except RunnerFault as fault:
                self._on_fault(fault)
                return

    def _write(self) -> None:
        step, done, message = self._state
        elapsed = time.monotonic() - self._started
        remaining = round(elapsed * (1 - done) / done, 1) if done >= 0.05 else None
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event = ProgressEvent(at=now, step=step, fraction=round(done, 4), message=message, remaining_seconds=remaining)
        with disk_full_is_a_limit(self._path.parent), self._path.open("a", encoding="utf-8") as file:
            file.write(event.model_dump_json(by_alias=True) + "\n")
        self._last = time.monotonic()
