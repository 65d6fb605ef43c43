"""The wish to end, and how long things may still take once it is there."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType

from ratchet_runners.faults import TERMINATED, RunnerFault

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Terminated(RunnerFault):
    """Somebody asked the runner to end."""

    code = "terminated"
    exit_code = TERMINATED


class Stopping:
    """Set once, by a signal or because nobody wants the attempt any more; then everything has `grace` seconds left."""

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._wanted = threading.Event()
        self._since = 0.0
        self._fault: RunnerFault = Terminated("")

    def listen(self) -> None:
        """Takes the ending signals of this process, in a thread of its own. Call it before any other thread starts.

        The handler does nothing, but a container's first process gets no signal that has none.
        """
        for name in ENDING_SIGNALS:
            signal.signal(name, _do_nothing)
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
        threading.Thread(target=self._wait_for_signal, name="signals", daemon=True).start()

    def want(self, fault: RunnerFault) -> None:
        """The first wish counts; `fault` is what the attempt ends with."""
        if not self._wanted.is_set():
            self._since, self._fault = time.monotonic(), fault
            self._wanted.set()

    @property
    def wanted(self) -> bool:
        return self._wanted.is_set()

    @property
    def fault(self) -> RunnerFault:
        """What the attempt ends with, once `wanted`."""
        return self._fault

    def raise_when_wanted(self) -> None:
        if self.wanted:
            raise self._fault

    def pause(self, seconds: float) -> None:
        """Waits, no longer than until the wish is there."""
        self._wanted.wait(seconds)

    def bound(self, deadline: float) -> float:
        """A deadline (monotonic seconds), no later than the end of the grace period."""
        return min(deadline, self._since + self._grace) if self.wanted else deadline

    def _wait_for_signal(self) -> None:
        received = signal.sigwait(ENDING_SIGNALS)
        self.want(Terminated(f"The job was ended by {signal.Signals(received).name}"))


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    pass
