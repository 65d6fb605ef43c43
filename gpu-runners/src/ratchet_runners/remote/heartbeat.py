"""Tells the control plane that this attempt lives and how far it is."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from ratchet_runners.remote.control_plane import TOKEN_PATIENCE, ControlPlane, ExchangeFailed, Failed, Refused
from ratchet_runners.remote.stopping import Stopping

BEAT_SECONDS = 2.0
CALL_SECONDS = 10.0
TAIL_BYTES = 8192
#: Answers that say so; any other refusal is about this one heartbeat.
UNWANTED = (403, 404, 409)


class LogTail:
    """The newest end of a log, in memory. Safe to call from any thread."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._lock = threading.Lock()

    def add(self, chunk: bytes) -> None:
        with self._lock:
            self._chunks.append(chunk)
            self._held += len(chunk)
            while self._held - len(self._chunks[0]) >= TAIL_BYTES:
                self._held -= len(self._chunks.popleft())

    def text(self) -> str:
        with self._lock:
            return b"".join(self._chunks)[-TAIL_BYTES:].decode("utf-8", errors="replace")


class Heartbeat:
    """Beats while there is news: own steps, or the recipe's progress. A recipe that hangs falls silent here too.

    A control plane that is away is no reason to end: what was computed is still worth to be delivered.
    """

    def __init__(self, plane: ControlPlane, output: Path, log: LogTail, stopping: Stopping) -> None:
        self._plane = plane
        self._output = output
        self._log = log
        self._stopping = stopping
        self._own: tuple[str, float, str] | None = ("fetch", 0.0, "the job document")
        self._seen = ""
        self._refused_since: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def step(self, name: str, fraction: float, message: str) -> None:
        """The attempt is at a step of ours, and alive as long as this process is."""
        self._own = (name, fraction, message)

    def follow(self) -> None:
        """From now on the recipe's progress says whether the attempt lives."""
        self._own = None

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(CALL_SECONDS + 1)

    def _beat(self) -> None:
        while not self._ended.is_set():
            news = self._news()
            if news is not None:
                self._send(news)
            self._ended.wait(BEAT_SECONDS)

    def _news(self) -> dict[str, Any] | None:
        if self._own is not None:
            name, fraction, message = self._own
            return {"progress": {"step": name, "fraction": fraction, "message": message}, "logTail": self._log.text()}
        line = newest_line(self._output / "progress.jsonl")
        if line == self._seen:
            return None
        self._seen = line
        return {"progress": progress_of(line), "logTail": self._log.text(), "outputBytes": folder_bytes(self._output)}

    def _send(self, news: dict[str, Any]) -> None:
        content = json.dumps({key: value for key, value in news.items() if value is not None}).encode()
        try:
            answer = self._plane.once("POST", "heartbeat", content, "application/json", timeout=CALL_SECONDS)
        except Failed as failed:
            # The next beat is the next try.
            self._note(failed.status == 401)
        except Refused as refused:
            if refused.status in UNWANTED:
                self._stopping.want(ExchangeFailed(f"The attempt is not wanted any more: {refused.detail}"))
        else:
            self._note(False)
            if isinstance(answer, dict) and answer.get("ended") is True:  # pyright: ignore[reportUnknownMemberType]
                self._stopping.want(ExchangeFailed("The attempt is not wanted any more"))

    def _note(self, refused: bool) -> None:
        if not refused:
            self._refused_since = None
            return
        self._refused_since = self._refused_since or time.monotonic()
        if time.monotonic() - self._refused_since > TOKEN_PATIENCE:
            self._stopping.want(ExchangeFailed("The attempt's token is void"))


def newest_line(path: Path) -> str:
    """The last whole line of a file, "" when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            lines = file.read().split(b"\n")
    except OSError:
        return ""
    return lines[-2].decode("utf-8", errors="replace") if len(lines) > 1 else ""


def progress_of(line: str) -> dict[str, Any] | None:
    """A line of `progress.jsonl` as the control plane takes it; None when it is none."""
    try:
        event = json.loads(line)
        fraction = min(1.0, max(0.0, float(event["fraction"])))
        return {"step": str(event["step"])[:200], "fraction": fraction, "message": str(event["message"])[:2000]}
    except (ValueError, KeyError, TypeError):
        return None


def folder_bytes(folder: Path) -> int:
    total = 0
    for path in folder.glob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue  # Renamed or removed meanwhile.
    return total
