"""Stages of an attempt on disk: what each step was given and made, so that a second run goes on where one was ended.

`stages/NN-name/stage.json` is written last and names the model beside it by digest: a stage is whole or not there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.execution.output import disk_full_is_a_limit

FOLDER = "stages"
SCHEMA = "ratchet.dev/stage/v1"
_NUMBERED = re.compile(r"^(\d\d+)-")


@dataclass(frozen=True)
class Stage:
    """What a finished stage left: JSON, and the bytes of its model where it made one."""

    content: Mapping[str, Any]
    model: bytes | None


class Stages:
    """Stages below an output folder, found again by what they were made from. One process at a time."""

    def __init__(self, output: Path) -> None:
        self._folder = output / FOLDER
        self._known = {content["key"]: place for place, content in self._read_all()}

    def find(self, key: str) -> Stage | None:
        """The stage that was made from exactly this; None where there is none, or where its files are damaged."""
        place = self._known.get(key)
        content = _content(place) if place else None
        if place is None or content is None:
            return None
        digest = content.get("modelDigest")
        if digest is None:
            return Stage(content, None)
        try:
            model = (place / "model.onnx").read_bytes()
        except OSError:
            return None
        return Stage(content, model) if digest_of_bytes(model) == digest else None

    def keep(self, key: str, name: str, content: Mapping[str, Any], model: bytes | None = None) -> None:
        """Writes a finished stage. @throws LimitExceeded when the disk is full"""
        place = self._known.get(key) or self._folder / f"{self._next_number():02d}-{_plain(name)}"
        whole = {"schema": SCHEMA, "key": key, "name": name, **content}
        if model is not None:
            whole["modelDigest"] = digest_of_bytes(model)
        with disk_full_is_a_limit(self._folder):
            place.mkdir(parents=True, exist_ok=True)
            if model is not None:
                _write(place / "model.onnx", model)
            _write(place / "stage.json", (json.dumps(whole, indent=2, sort_keys=True) + "\n").encode())
        self._known[key] = place

    @contextmanager
    def scratch(self, key: str) -> Generator[Path, None, None]:
        """A folder where a step may leave what it needs to go on; it goes when the step ends without a fault."""
        place = self._folder / f"scratch-{key[:16]}"
        with disk_full_is_a_limit(self._folder):
            place.mkdir(parents=True, exist_ok=True)
        yield place
        shutil.rmtree(place, ignore_errors=True)

    def forget_models(self) -> None:
        """After the report is written: the stages' JSON stays, their models (many times the candidate) go."""
        for place in self._folder.glob("*/model.onnx"):
            place.unlink(missing_ok=True)
        for place in self._folder.glob("scratch-*"):
            shutil.rmtree(place, ignore_errors=True)

    def _read_all(self) -> list[tuple[Path, Mapping[str, Any]]]:
        places = sorted(self._folder.iterdir()) if self._folder.is_dir() else []
        read = [(place, _content(place)) for place in places if _NUMBERED.match(place.name)]
        return [(place, content) for place, content in read if content is not None]

    def _next_number(self) -> int:
        places = self._folder.iterdir() if self._folder.is_dir() else ()
        numbers = [int(found.group(1)) for place in places if (found := _NUMBERED.match(place.name))]
        return max(numbers, default=0) + 1


def key_of(parts: Mapping[str, Any]) -> str:
    """The digest of everything that a stage's result depends on. `parts` must be JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, allow_nan=False).encode()).hexdigest()


def remembered(stages: Stages | None, key: str, name: str, make: Callable[[], dict[str, Any]]) -> Mapping[str, Any]:
    """JSON of a stage without a model: as it was found, or made and kept."""
    found = stages.find(key) if stages else None
    if found is not None:
        return found.content
    made = make()
    if stages:
        stages.keep(key, name, made)
    return made


def _content(place: Path) -> Mapping[str, Any] | None:
    try:
        content: Any = json.loads((place / "stage.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("schema") == SCHEMA and "key" in content else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")[:80] or "stage"
