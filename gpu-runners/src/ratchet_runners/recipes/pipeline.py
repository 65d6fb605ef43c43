"""Takes a model through the steps of one alternative; what was done before with the same inputs is not done again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

import onnx

from ratchet_runners import __version__
from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.documents.report import ReportedStep
from ratchet_runners.execution.stages import Stage, key_of
from ratchet_runners.model.precision import form_of
from ratchet_runners.model.scoring import serialise
from ratchet_runners.plan.forecast import technique_name
from ratchet_runners.recipes.outcome import take_step
from ratchet_runners.registry import StepResult
from ratchet_runners.technique import Technique
from ratchet_runners.workbench import Workbench

#: A note with this says that time limited the result: more time would have given another one.
CUT_SHORT = "cut short"
PACKAGES = ("numpy", "onnx", "onnxruntime", "torch")


@dataclass(frozen=True)
class Compressed:
    """`model` is what the last step gave; with refusals it must not become a candidate."""

    model: onnx.ModelProto
    steps: tuple[ReportedStep, ...]
    refusals: tuple[str, ...]


def take_steps(
    steps: Sequence[Technique],
    source: onnx.ModelProto,
    bench: Workbench,
    expected: Sequence[float] | None = None,
    taken: Callable[[ReportedStep], None] | None = None,
) -> Compressed:
    """Runs the steps in order on the normalised full-precision `source`; a refusal ends them.

    `expected` are seconds for each step, told in the report. A step that trains the source with labels teaches those
    after it, unless the job names a teacher. The last model in floating point is `float` to the steps after it: what
    was quantized may be pruned or smoothed, and no longer the source. `taken` hears of every step that is done.

    @throws RunnerFault of the step that cannot work
    """
    bench = replace(bench, models={**bench.models, "source": source})
    around = surroundings(bench)
    model, reported = source, list[ReportedStep]()
    for number, step in enumerate(steps):
        result, done = _taken(step, model, bench, around)
        done = done.model_copy(update={"expected_seconds": expected[number]}) if expected else done
        reported.append(done)
        if taken:
            taken(done)
        model = result.model
        if result.refusals:
            return Compressed(model, tuple(reported), result.refusals)
        if step.needs().labels and "teacher" not in bench.models:
            bench = replace(bench, models={**bench.models, "teacher": model})
            around = surroundings(bench)
        if form_of(model) == "float":
            bench = replace(bench, models={**bench.models, "float": model})
            around = surroundings(bench)
    return Compressed(model, tuple(reported), ())


def surroundings(bench: Workbench) -> dict[str, Any]:
    """All that a step's result may depend on beside its configuration and its model, as JSON."""
    sides = (bench.split.train, bench.split.select, bench.split.held_back)
    return {
        "contract": bench.contract.model_dump(mode="json"),
        "data": bench.rows.digest,
        "split": [digest_of_bytes(side.tobytes()) for side in sides],
        "models": {name: _digest(model) for name, model in sorted(bench.models.items())},
        "builder": bench.builder and bench.builder.weights.digest,
        "objectives": bench.objectives.model_dump(mode="json"),
        "serving": bench.serving.model_dump(mode="json"),
        "hardware": bench.hardware.name,
        "seed": bench.seed,
        "threads": bench.threads,
        "versions": {"ratchet_runners": __version__, **{name: _version(name) for name in PACKAGES}},
    }


def _taken(
    step: Technique, model: onnx.ModelProto, bench: Workbench, around: Mapping[str, Any]
) -> tuple[StepResult, ReportedStep]:
    settings = step.model_dump(mode="json", by_alias=True)
    key = key_of({**around, "config": settings, "input": _digest(model)})
    found = bench.stages.find(key) if bench.stages else None
    if found is not None and _holds(found, bench):
        return _restored(found)
    if bench.stages is None:
        result, reported = take_step(step, model, bench)
    else:
        with bench.stages.scratch(key) as scratch:
            result, reported = take_step(step, model, replace(bench, scratch=scratch))
    content = serialise(result.model)
    reported = reported.model_copy(update={"output": digest_of_bytes(content)})
    if bench.stages is not None:
        bench.stages.keep(key, technique_name(step), _record(result, reported, _digest(model), bench), content)
    return result, reported


def _record(result: StepResult, reported: ReportedStep, given: str, bench: Workbench) -> dict[str, Any]:
    return {
        "input": given,
        "step": reported.model_dump(mode="json", by_alias=True),
        "refusals": list(result.refusals),
        "wallSeconds": bench.wall_seconds,
    }


def _holds(found: Stage, bench: Workbench) -> bool:
    """A step that time cut short is done again where there is more time now."""
    cut = any(CUT_SHORT in note for note in found.content["step"]["notes"])
    return found.model is not None and not (cut and bench.wall_seconds > found.content["wallSeconds"])


def _restored(found: Stage) -> tuple[StepResult, ReportedStep]:
    model = onnx.ModelProto()
    model.ParseFromString(found.model or b"")
    reported = ReportedStep.model_validate({**found.content["step"], "resumed": True})
    result = StepResult(model, reported.figures, reported.notes, tuple(found.content["refusals"]))
    return result, reported


def _digest(model: onnx.ModelProto) -> str:
    return digest_of_bytes(serialise(model))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
