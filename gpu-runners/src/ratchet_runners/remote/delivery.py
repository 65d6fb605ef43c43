"""Sends what came of an attempt: artifacts by their digests, then the report, then the last word."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ratchet_runners.faults import LimitExceeded
from ratchet_runners.remote.control_plane import ControlPlane, ExchangeFailed, Refused

#: What the control plane takes in one call.
PART_BYTES = 32 << 20


def deliver(plane: ControlPlane, output: Path, tell: Callable[[str], None]) -> None:
    """Sends the artifacts that the report names, then the report. @throws ExchangeFailed @throws LimitExceeded"""
    content = (output / "report.json").read_bytes()
    artifacts: list[dict[str, Any]] = json.loads(content)["artifacts"]
    try:
        arrived = plane.json("GET", "files")
        parts = {part["digest"] for part in arrived["parts"]}
        files = {(file["file"], file["digest"]) for file in arrived["files"]}
        for number, artifact in enumerate(artifacts, start=1):
            tell(f"artifact {number} of {len(artifacts)}")
            if (artifact["file"], artifact["digest"]) not in files:
                _send(plane, output / artifact["file"], artifact, parts)
        plane.retried(lambda: plane.once("PUT", "report", content, "application/json"), "the report")
    except Refused as refused:
        if refused.status == 413:
            raise LimitExceeded(f"The control plane takes no more: {refused.detail}") from refused
        raise ExchangeFailed(f"The control plane does not take the result: {refused.detail}") from refused


def _send(plane: ControlPlane, path: Path, artifact: dict[str, Any], arrived: set[str]) -> None:
    digests: list[str] = []
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            digest = f"sha256:{hashlib.sha256(part).hexdigest()}"
            digests.append(digest)
            if digest not in arrived:
                _send_part(plane, digest, part)
                arrived.add(digest)
    body = {"digest": artifact["digest"], "sizeBytes": artifact["sizeBytes"], "parts": digests}
    plane.json("PUT", f"files/{artifact['file']}", body)


def _send_part(plane: ControlPlane, digest: str, part: bytes) -> None:
    # The time for one part is that of a slow line; a control plane that is away is noticed by the connection.
    call = lambda: plane.once("PUT", f"parts/{digest}", part, "application/octet-stream", timeout=60)  # noqa: E731
    plane.retried(call, f"{len(part)} bytes")


def say_end(plane: ControlPlane, exit_code: int, error: dict[str, Any] | None) -> None:
    """The last word. @throws ExchangeFailed"""
    try:
        plane.json("POST", "end", {"exitCode": exit_code, "error": error})
    except Refused as refused:
        raise ExchangeFailed(f"The control plane does not take the exit code: {refused.detail}") from refused
