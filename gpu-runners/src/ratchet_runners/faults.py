"""What can go wrong, one class a situation. The exit codes are part of the contract (README, "Exit codes")."""

from __future__ import annotations

from collections.abc import Sequence


class RunnerFault(Exception):
    """A situation that ends the job with a clear message. `faults` lists every single complaint."""

    code = "internal"
    exit_code = 1

    def __init__(self, message: str, faults: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.faults = tuple(faults)

    def text(self) -> str:
        """The message with all its faults, for a person."""
        return "\n".join([self.message, *(f"  - {fault}" for fault in self.faults)])


class InvalidJob(RunnerFault):
    """The job document or the recipe's parameters are wrong."""

    code = "invalid-job"
    exit_code = 2


class DataUnusable(RunnerFault):
    """The data cannot be used: another digest, too few rows, too many rows that are not finite, another width."""

    code = "data-unusable"
    exit_code = 3


class ModelUnusable(RunnerFault):
    """The model cannot be used: broken, of another contract, or with something in it that no step supports."""

    code = "model-unusable"
    exit_code = 4


class LimitExceeded(RunnerFault):
    """The job needs more time, memory or disk than it was given."""

    code = "limit-exceeded"
    exit_code = 5


class MissingExtra(RunnerFault):
    """The recipe needs an optional dependency that is not installed."""

    code = "missing-extra"
    exit_code = 2


#: Exit code after SIGTERM, as a shell would report it.
TERMINATED = 143
