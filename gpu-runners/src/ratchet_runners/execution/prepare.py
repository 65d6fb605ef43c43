"""Reads everything that a job names, verified, and lays it out for the recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx

from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.data.rows import read_rows
from ratchet_runners.data.split import split_rows
from ratchet_runners.documents.job import Builder, FileReference, Job
from ratchet_runners.documents.report import ReportedData, ReportedSplit
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.load import load_model
from ratchet_runners.plan.subject import hardware_of
from ratchet_runners.workbench import Tell, Workbench


@dataclass(frozen=True)
class Prepared:
    reference: onnx.ModelProto
    bench: Workbench
    #: What a reader of the report should know of the data.
    notes: tuple[str, ...]
    data: ReportedData


def prepare(job: Job, folder: Path, tell: Tell, started: float) -> Prepared:
    """Relative paths count from `folder`. @throws ModelUnusable, DataUnusable"""
    named = job.artifacts
    reference = load_model(folder / named.reference.path, named.reference, job.model)
    models: dict[str, onnx.ModelProto] = {"reference": reference}
    for name, file in (("champion", named.champion), ("teacher", named.teacher), ("student", named.student)):
        if file and (name != "champion" or file.digest != named.reference.digest):
            models[name] = load_model(folder / file.path, file, job.model)
    rows, notes = read_rows(folder / job.data.train.path, job.data.train, job.model)
    split = split_rows(rows, job.seed, job.data.split)
    bench = Workbench(
        contract=job.model,
        rows=rows,
        split=split,
        seed=job.seed,
        threads=job.limits.threads,
        tell=tell,
        deadline=started + job.limits.wall_seconds,
        wall_seconds=job.limits.wall_seconds,
        models=models,
        hardware=hardware_of(job.serving),
        objectives=job.objectives,
        serving=job.serving.model_copy(update={"threads": min(job.serving.threads, job.limits.threads)}),
        builder=_verified(named.builder, folder) if named.builder else None,
    )
    data = ReportedData(
        digest=rows.digest,
        requested=job.data.train.rows,
        used=len(rows),
        labelled=int(rows.labelled.sum()),
        replay=int(rows.replay.sum()),
        split=ReportedSplit(
            by=job.data.split.by,
            train=len(split.train),
            select=len(split.select),
            held_back=len(split.held_back),
            entities=len(set(rows.entity)) if rows.entity else None,
        ),
    )
    dropped = len(rows) - len(split.train) - len(split.select) - len(split.held_back)
    if dropped:
        notes.append(f"{dropped} of {len(rows)} rows are on no side: copies of rows that are seen later in the job")
    return Prepared(reference, bench, tuple(notes), data)


def _verified(builder: Builder, folder: Path) -> Builder:
    """The builder with an absolute path to weights whose bytes are those that were asked for. @throws ModelUnusable"""
    path = (folder / builder.weights.path).resolve()
    try:
        digest = digest_of_bytes(path.read_bytes())
    except OSError as error:
        raise ModelUnusable(f"The builder's weights {path} cannot be read: {error.strerror}") from error
    if digest != builder.weights.digest:
        raise ModelUnusable(
            f"The builder's weights {path} are not those that were asked for", [f"{digest} != {builder.weights.digest}"]
        )
    return builder.model_copy(update={"weights": FileReference(path=str(path), digest=digest)})
