"""Makes a plan for a job, or for a model alone."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.documents.job import Classification, ModelContract, Regression, TensorContract, read_job
from ratchet_runners.documents.report import PlannedAlternative
from ratchet_runners.execution.prepare import prepare
from ratchet_runners.faults import InvalidJob, ModelUnusable
from ratchet_runners.model.footprint import subject_of
from ratchet_runners.model.hardware import PROFILES, detect
from ratchet_runners.model.load import ELEMENT_TYPES, parse_model, safety_faults
from ratchet_runners.plan.catalogue import ALTERNATIVES, proposed, steps_of
from ratchet_runners.plan.causes import Cause
from ratchet_runners.plan.costs import Costs, learned_factors, machine_factor
from ratchet_runners.plan.document import Plan, PlannedModel
from ratchet_runners.plan.forecast import forecast
from ratchet_runners.plan.subject import gpu_visible, subject_of_bench
from ratchet_runners.recipes import PARAMETERS
from ratchet_runners.recipes.compress import Compress
from ratchet_runners.technique import Subject, Technique


@dataclass(frozen=True)
class Asked:
    """What a plan for a model alone is told of the job that there is not yet."""

    rows: int
    labelled: int = 0
    replay: int = 0
    cause: Cause = "latency"
    hardware: str = "auto"
    teacher: bool = False


def plan_of_model(path: Path, asked: Asked, reports: Sequence[Path] = ()) -> Plan:
    """@throws ModelUnusable; InvalidJob for a past report that is none"""
    content = _read(path)
    model = parse_model(content, str(path))
    faults = safety_faults(model)
    if faults:
        raise ModelUnusable(f"The model {path} cannot be used", faults)
    hardware = detect() if asked.hardware == "auto" else PROFILES[asked.hardware]
    known = subject_of(model, contract_of(model), teacher=asked.teacher, hardware=hardware, gpu=gpu_visible())
    subject = replace(known, rows=asked.rows, labelled=min(asked.labelled, asked.rows), replay=asked.replay)
    return plan_of(subject, digest_of_bytes(content), asked.cause, (), _costs(reports))


def plan_of_job(path: Path, reports: Sequence[Path] = ()) -> Plan:
    """Reads and verifies everything that the job names, and runs nothing. @throws RunnerFault"""
    job = read_job(path)
    prepared = prepare(job, path.resolve().parent, _silent, time.monotonic())
    subject = subject_of_bench(prepared.reference, prepared.bench)
    settings = PARAMETERS[job.recipe].model_validate(job.parameters)
    written: tuple[tuple[str, tuple[Technique, ...]], ...] = ()
    cause: Cause = "latency"
    if isinstance(settings, Compress):
        written = tuple((each.name, each.steps) for each in settings.alternatives)
        cause = settings.cause
    return plan_of(subject, job.artifacts.reference.digest, cause, written, _costs(reports))


def plan_of(
    subject: Subject,
    digest: str,
    cause: Cause,
    written: Sequence[tuple[str, tuple[Technique, ...]]],
    costs: Costs,
) -> Plan:
    """Written alternatives first, then those proposed for the cause, then the rest of the catalogue."""
    names = dict.fromkeys([*proposed(cause, subject), *ALTERNATIVES])
    ways = dict([*written, *((name, steps_of(name)) for name in names if name not in dict(written))])
    expected = [forecast(name, steps, subject, costs) for name, steps in ways.items()]
    expected.sort(key=lambda each: not each.possible)
    return Plan(
        cause=cause,
        model=PlannedModel(
            digest=digest,
            size_bytes=subject.size_bytes,
            weights=subject.weights,
            macs=subject.macs,
            form=subject.form,
            untrainable=subject.untrainable,
        ),
        hardware=subject.hardware.name,
        machine_factor=round(costs.machine, 3),
        rows=subject.rows,
        labelled=subject.labelled,
        alternatives=tuple(
            PlannedAlternative(
                name=each.name,
                objections=each.objections,
                seconds=each.seconds,
                peak_bytes=each.peak_bytes,
                size_ratio=each.size_ratio,
                latency_ratio=each.latency_ratio,
            )
            for each in expected
        ),
        steps={each.name: tuple(step.technique for step in each.steps) for each in expected},
    )


def contract_of(model: onnx.ModelProto) -> ModelContract:
    """A contract as the model's own graph tells it: enough to plan with, never to run a job by.

    @throws ModelUnusable when it has not exactly one input, or dimensions that are free beside the batch
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1 or not model.graph.output:
        raise ModelUnusable(f"The model takes {len(inputs)} inputs and gives {len(model.graph.output)} outputs")
    output = _tensor(model.graph.output[0])
    classes = output.shape[-1] if len(output.shape) == 2 else 1
    task = Classification(kind="classification", classes=classes) if classes > 1 else Regression(kind="regression")
    return ModelContract(name="model", task=task, input=_tensor(inputs[0]), output=output)


def _tensor(value: onnx.ValueInfoProto) -> TensorContract:
    tensor = value.type.tensor_type
    names = {number: name for name, number in ELEMENT_TYPES.items()}
    sizes = [size.dim_value if size.HasField("dim_value") and size.dim_value > 0 else 1 for size in tensor.shape.dim]
    if tensor.elem_type not in names:
        kind = onnx.TensorProto.DataType.Name(tensor.elem_type)
        raise ModelUnusable(f"{value.name} is {kind}; models take and give FP32, INT64 or INT32")
    datatype: Any = names[tensor.elem_type]
    return TensorContract(name=value.name, datatype=datatype, shape=(-1, *sizes[1:]))


def _costs(reports: Sequence[Path]) -> Costs:
    machine = machine_factor()
    return Costs(machine, learned_factors([_report(path) for path in reports]))


def _report(path: Path) -> dict[str, Any]:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidJob(f"The past report {path} cannot be read: {error}") from error
    if not isinstance(content, dict) or content.get("schema") != "ratchet.dev/report/v1":  # pyright: ignore[reportUnknownMemberType]
        raise InvalidJob(f"{path} is no report")
    return content  # pyright: ignore[reportUnknownVariableType]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelUnusable(f"The model {path} cannot be read: {error.strerror}") from error


def _silent(step: str, fraction: float, message: str) -> None:
    """A plan is over before anybody would watch it."""
