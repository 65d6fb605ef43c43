"""What a recipe hands back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import onnx

from ratchet_runners.documents.base import Document
from ratchet_runners.documents.report import PlannedAlternative, ReportedAlternative, ReportedStep
from ratchet_runners.registry import StepResult, technique_of
from ratchet_runners.workbench import Workbench


@dataclass(frozen=True)
class Made:
    candidate: onnx.ModelProto | None
    #: A newly trained full-precision reference, where the recipe makes one.
    reference: onnx.ModelProto | None
    reasons: tuple[str, ...]
    figures: dict[str, float | None]
    steps: tuple[ReportedStep, ...]
    #: Everything that was tried, for recipes that search.
    alternatives: tuple[ReportedAlternative, ...] = ()
    plan: tuple[PlannedAlternative, ...] = ()
    #: The candidate's evaluation on held-back rows, as JSON.
    evaluation: dict[str, Any] | None = None


def take_step(config: Document, model: onnx.ModelProto, bench: Workbench) -> tuple[StepResult, ReportedStep]:
    """Runs one technique and says what it did and how long it took."""
    name, handler = technique_of(config)
    started = time.monotonic()
    result = handler(config, model, bench)
    settings = config.model_dump(by_alias=True)
    step = ReportedStep(
        technique=name,
        version=settings["version"],
        config=settings,
        seconds=round(time.monotonic() - started, 3),
        figures=result.figures,
        notes=result.notes,
    )
    return result, step
