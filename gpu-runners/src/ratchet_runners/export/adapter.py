"""What every target has to offer. Importing an adapter imports nothing of its runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import metadata, util
from pathlib import Path
from typing import ClassVar

import onnx

from ratchet_runners.data.rows import Floats, Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.export.document import Target
from ratchet_runners.faults import RunnerFault

#: Answers a batch with the contract's output.
Runner = Callable[[Inputs], Floats]


class ExportFailed(RunnerFault):
    """The target is there and does not take this model."""

    code = "model-unusable"
    exit_code = 4


class TargetUnavailable(RunnerFault):
    """The target's packages or devices are not on this machine."""

    code = "missing-extra"
    exit_code = 2


class Adapter(ABC):
    name: ClassVar[Target]
    #: Packages that it needs: what is imported, and what installs it.
    packages: ClassVar[dict[str, str]] = {}

    def probe(self) -> str:
        """`available`, or `unavailable: …` with what to do about it. Imports nothing."""
        missing = [package for module, package in self.packages.items() if util.find_spec(module) is None]
        return f"unavailable: install {', '.join(missing)}" if missing else "available"

    def versions(self) -> dict[str, str]:
        """Of the packages that are there."""
        return {
            package: metadata.version(package) for module, package in self.packages.items() if util.find_spec(module)
        }

    @abstractmethod
    def export(self, model: onnx.ModelProto, contract: ModelContract, folder: Path) -> tuple[Path, ...]:
        """Writes the model; returns the files, the one to load first. @throws ExportFailed"""

    @abstractmethod
    def load(self, file: Path, contract: ModelContract, threads: int) -> Runner:
        """Loads what `export` wrote. @throws ExportFailed"""
