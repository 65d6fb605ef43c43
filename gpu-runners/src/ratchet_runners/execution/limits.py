"""Threads, time and memory.

A native call cannot be interrupted, so a breach ends the process from a thread of its own.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ratchet_runners.documents.job import Limits
from ratchet_runners.faults import TERMINATED, LimitExceeded, RunnerFault

LOOK_SECONDS = 0.1
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Terminated(RunnerFault):
    """Somebody asked the runner to end."""

    code = "terminated"
    exit_code = TERMINATED


def limit_threads(threads: int) -> None:
    """Must come before the first import of numpy, onnxruntime or torch: they read these once."""
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "ARROW_IO_THREADS",
        "RAYON_NUM_THREADS",
    ):
        os.environ[name] = str(threads)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("KMP_BLOCKTIME", "0")


def peak_rss_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def rss_bytes() -> int:
    """What the process holds now; where the system does not tell, its peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return peak_rss_bytes()
    return pages * os.sysconf("SC_PAGE_SIZE")


class Watchdog:
    """Ends the process at a breach of a limit or a signal, after `on_end` has left its message."""

    def __init__(self, limits: Limits, started: float, on_end: Callable[[RunnerFault], None]) -> None:
        self._limits = limits
        self._started = started
        self._on_end = on_end
        self._rescue: Callable[[RunnerFault], object] | None = None
        self._stopped = threading.Event()
        self._ending = threading.Lock()
        # Blocked here, and so in every thread that starts later; only the waiting thread takes them. A Python handler
        # would have to wait until a native call that may last minutes returns.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
        for name, target in (("limits", self._watch), ("signals", self._wait_for_signal)):
            threading.Thread(target=target, name=name, daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def rescue_with(self, rescue: Callable[[RunnerFault], object]) -> None:
        """At a breach of a limit (not at a signal) `rescue` may end the job well, by returning anything but None."""
        self._rescue = rescue

    def end(self, fault: RunnerFault) -> None:
        """Leaves the message and ends the process now. Only the first call counts."""
        if self._ending.acquire(blocking=False):
            saved = self._saved(fault)
            if not saved:
                self._on_end(fault)
            sys.stderr.write(fault.text() + "\n")
            sys.stderr.flush()
            os._exit(0 if saved else fault.exit_code)

    def _saved(self, fault: RunnerFault) -> bool:
        if self._rescue is None or not isinstance(fault, LimitExceeded):
            return False
        try:
            return self._rescue(fault) is not None
        except Exception as error:  # whatever it is: the limit still has to be kept
            sys.stderr.write(f"The best so far could not be written: {error}\n")
            return False

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            if time.monotonic() - self._started > self._limits.wall_seconds:
                self.end(LimitExceeded(f"The job took longer than its {self._limits.wall_seconds:g} seconds"))
            held = rss_bytes()
            if held > self._limits.max_rss_bytes:
                self.end(
                    LimitExceeded(f"The job holds {held} bytes of memory, {self._limits.max_rss_bytes} are allowed")
                )

    def _wait_for_signal(self) -> None:
        received = signal.sigwait(ENDING_SIGNALS)
        self.end(Terminated(f"The job was ended by {signal.Signals(received).name}"))
