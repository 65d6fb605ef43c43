"""Fetches the job document and the files that it names."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from ratchet_runners.execution.output import disk_full_is_a_limit
from ratchet_runners.remote.control_plane import DAMAGED_TRIES, ControlPlane, ExchangeFailed, Failed, Refused

DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
CHUNK = 1 << 20


def fetch_job(plane: ControlPlane, work: Path, tell: Callable[[str], None]) -> Path:
    """The job document in `work`, about files that lie beside it. @throws ExchangeFailed @throws LimitExceeded"""
    try:
        document = plane.json("GET", "document")
        digests: set[str] = set()
        local = _beside(document, digests)
        with disk_full_is_a_limit(work):
            (work / "inputs").mkdir(parents=True, exist_ok=True)
            for number, digest in enumerate(sorted(digests), start=1):
                what = f"file {number} of {len(digests)}"
                _fetch(plane, digest, work / _path(digest), lambda what=what: tell(what))
            job = work / "job.json"
            beside = work / "job.json.part"
            beside.write_text(json.dumps(local, indent=2), encoding="utf-8")
            beside.replace(job)
            return job
    except Refused as refused:
        raise ExchangeFailed(f"The control plane gives no job: {refused.detail}") from refused


def _path(digest: str) -> str:
    return f"inputs/{digest.removeprefix('sha256:')}"


def _beside(value: Any, digests: set[str]) -> Any:
    """The document with each file's path replaced by where it will lie, whatever path it came with."""
    if isinstance(value, list):
        return [_beside(one, digests) for one in value]
    if not isinstance(value, dict):
        return value
    digest = value.get("digest")
    if isinstance(value.get("path"), str) and isinstance(digest, str) and DIGEST.fullmatch(digest):
        digests.add(digest)
        return {**value, "path": _path(digest)}
    return {key: _beside(one, digests) for key, one in value.items()}


def _fetch(plane: ControlPlane, digest: str, target: Path, alive: Callable[[], None]) -> None:
    if target.exists() and _digest_of(target) == digest:
        return
    part = target.with_name(f"{target.name}.part")
    for _ in range(DAMAGED_TRIES):
        if not part.exists() or _digest_of(part) != digest:
            plane.retried(lambda: _go_on(plane, digest, part, alive), f"GET inputs/{digest}")
        if _digest_of(part) == digest:
            part.replace(target)
            return
        part.unlink()
    raise ExchangeFailed(f"{digest} arrived damaged {DAMAGED_TRIES} times")


def _go_on(plane: ControlPlane, digest: str, part: Path, alive: Callable[[], None]) -> None:
    """Fetches the rest of a file, from where the last try broke off. @throws Failed"""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        answer = plane.open("GET", f"inputs/{digest}", headers=headers)
    except Refused as refused:
        if not have or refused.status not in (400, 416):
            raise
        # All of it is there already, or more than there is.
        part.unlink()
        raise Failed(refused.detail) from refused
    with answer, part.open("ab") as file:
        if answer.status != 206:
            # Whoever answered knows no ranges.
            file.truncate(0)
            have = 0
        announced = answer.headers.get("Content-Length")
        got = _copy(answer, file, alive)
        if announced is not None and got != int(announced):
            raise Failed(f"{digest} broke off after {have + got} bytes")


def _copy(answer: http.client.HTTPResponse, file: BinaryIO, alive: Callable[[], None]) -> int:
    got = 0
    while True:
        alive()
        try:
            chunk = answer.read(CHUNK)
        except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
            raise Failed(f"the answer broke off: {error}") from error
        if not chunk:
            return got
        file.write(chunk)
        got += len(chunk)


def _digest_of(path: Path) -> str:
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            hashed.update(chunk)
    return f"sha256:{hashed.hexdigest()}"
