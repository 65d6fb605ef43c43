"""What every step gets beside its configuration and the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx

from ratchet_runners.data.rows import Rows
from ratchet_runners.data.split import Split
from ratchet_runners.documents.job import Builder, ModelContract, Objectives, Serving
from ratchet_runners.model.hardware import detect
from ratchet_runners.technique import HardwareProfile

if TYPE_CHECKING:
    from ratchet_runners.execution.stages import Stages

#: Takes the step's name, how much of the step is done (0..1) and a message.
Tell = Callable[[str, float, str], None]


@dataclass(frozen=True)
class Workbench:
    contract: ModelContract
    rows: Rows
    split: Split
    seed: int
    threads: int
    tell: Tell
    #: On the scale of `time.monotonic()`: nothing may run longer.
    deadline: float
    #: Seconds that the whole job has.
    wall_seconds: float
    #: Models that a step may need beside its own: `reference` and `champion` as they came, `source` (normalised, full
    #: precision, before the recipe's first step), `float` (the last model in floating point, where a step made one),
    #: `teacher` and `student` where the job names them or a step made them.
    models: Mapping[str, onnx.ModelProto] = field(default_factory=dict[str, onnx.ModelProto])
    hardware: HardwareProfile = field(default_factory=detect)
    objectives: Objectives = field(default_factory=Objectives)
    serving: Serving = field(default_factory=Serving)
    #: Where a step may leave what it needs to go on after an interruption; None where nothing is kept.
    scratch: Path | None = None
    #: The architecture as code, where the job names one; `weights.path` is absolute and its bytes were verified.
    builder: Builder | None = None
    #: Where finished steps are kept and found again; None where nothing is kept.
    stages: Stages | None = None
    #: Takes a `Made` that the attempt ends with should its time or memory run out before there is a better one.
    offer: Callable[[Any], None] = field(default=lambda _: None)

    def source(self) -> onnx.ModelProto:
        """The full-precision model that is being compressed."""
        return self.models.get("source") or self.models["reference"]

    def teacher(self) -> onnx.ModelProto:
        """The model whose answers are soft targets: the named teacher, else the source itself."""
        return self.models.get("teacher") or self.source()

    def seconds_left(self, wall_share: float) -> float:
        """Time that a step may take which was given this share of the job; some is kept back for what follows."""
        reserve = min(5.0, 0.1 * self.wall_seconds)
        return max(0.0, min(wall_share * self.wall_seconds, self.deadline - time.monotonic() - reserve))
