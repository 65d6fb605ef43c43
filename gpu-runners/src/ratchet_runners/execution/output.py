"""The output folder: every file appears whole or not at all, the report last."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Generator
from pathlib import Path

from ratchet_runners.documents.report import Failure
from ratchet_runners.faults import InvalidJob, LimitExceeded, RunnerFault


class Output:
    """@throws InvalidJob when another run works in the folder"""

    def __init__(self, folder: Path) -> None:
        with disk_full_is_a_limit(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder)
            for name in ("report.json", "error.json"):  # of an attempt that was started twice
                (folder / name).unlink(missing_ok=True)
        self.folder = folder

    def write(self, name: str, content: bytes) -> Path:
        """Writes a file beside and renames it. @throws LimitExceeded when the disk is full"""
        path = self.folder / name
        beside = self.folder / f".{name}.part"
        with disk_full_is_a_limit(self.folder):
            try:
                with beside.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                beside.replace(path)
            except OSError:
                beside.unlink(missing_ok=True)
                raise
        return path

    def fail(self, fault: RunnerFault) -> None:
        """Leaves `error.json`, one line. Never fails itself: the message is on stderr as well."""
        line = (
            Failure(code=fault.code, message=fault.message, faults=fault.faults).model_dump_json(by_alias=True) + "\n"
        )
        with contextlib.suppress(OSError, RunnerFault):
            for part in self.folder.glob(".*.part"):
                part.unlink(missing_ok=True)
            self.write("error.json", line.encode())


def _locked(folder: Path) -> int:
    """Holds the folder itself, without a file in it, until the process ends however it ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise InvalidJob(f"Another run works in the output folder {folder}") from error
    except OSError:
        pass  # a file system without locks: two runs in one folder stay the caller's concern
    return handle


@contextlib.contextmanager
def disk_full_is_a_limit(folder: Path) -> Generator[None, None, None]:
    """Turns "no space left" and an exceeded quota into the fault that they are."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise LimitExceeded(f"No space is left for the output folder {folder}: {error.strerror}") from error
        raise LimitExceeded(f"The output folder {folder} cannot be written: {error.strerror}") from error
