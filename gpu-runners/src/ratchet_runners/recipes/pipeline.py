"""Takes a model through the steps of one alternative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx

from ratchet_runners.documents.report import ReportedStep
from ratchet_runners.recipes.outcome import take_step
from ratchet_runners.technique import Technique
from ratchet_runners.workbench import Workbench


@dataclass(frozen=True)
class Compressed:
    """`model` is what the last step gave; with refusals it must not become a candidate."""

    model: onnx.ModelProto
    steps: tuple[ReportedStep, ...]
    refusals: tuple[str, ...]


def take_steps(steps: Sequence[Technique], source: onnx.ModelProto, bench: Workbench) -> Compressed:
    """Runs the steps in order on the normalised full-precision `source`; a refusal ends them.

    @throws RunnerFault of the step that cannot work
    """
    bench = replace(bench, models={**bench.models, "source": source})
    model, taken = source, list[ReportedStep]()
    for step in steps:
        result, reported = take_step(step, model, bench)
        taken.append(reported)
        model = result.model
        if result.refusals:
            return Compressed(model, tuple(taken), result.refusals)
    return Compressed(model, tuple(taken), ())
