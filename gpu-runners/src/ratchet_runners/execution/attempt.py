"""One attempt from files to files. Everything heavy is imported here and below, after the limits are in place."""

from __future__ import annotations

import platform
import shlex
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Literal

import onnx

from ratchet_runners import __version__
from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.data.rows import read_rows
from ratchet_runners.data.split import split_rows
from ratchet_runners.documents.job import Job
from ratchet_runners.documents.report import Report, ReportedArtifact, ReportedData, ReportedInputs
from ratchet_runners.execution.limits import peak_rss_bytes
from ratchet_runners.execution.output import Output
from ratchet_runners.execution.progress import Progress
from ratchet_runners.model.load import load_model
from ratchet_runners.model.scoring import serialise
from ratchet_runners.recipes import PARAMETERS
from ratchet_runners.recipes.outcome import Made
from ratchet_runners.recipes.runs import RUNS
from ratchet_runners.workbench import Workbench


def run_attempt(job: Job, job_path: Path, output: Output, progress: Progress, started: float) -> Report:
    """Runs the job's recipe and writes its artifacts, then the report. @throws RunnerFault"""
    progress.tell("read", 0.0, "models and data")
    folder = job_path.resolve().parent
    reference = load_model(folder / job.artifacts.reference.path, job.artifacts.reference, job.model)
    models: dict[str, onnx.ModelProto] = {"reference": reference}
    champion = job.artifacts.champion
    if champion and champion.digest != job.artifacts.reference.digest:
        models["champion"] = load_model(folder / champion.path, champion, job.model)
    rows, notes = read_rows(folder / job.data.train.path, job.data.train, job.model)
    bench = Workbench(
        contract=job.model,
        rows=rows,
        split=split_rows(rows, job.seed, job.data.split),
        seed=job.seed,
        threads=job.limits.threads,
        tell=progress.tell,
        deadline=started + job.limits.wall_seconds,
        wall_seconds=job.limits.wall_seconds,
        models=models,
    )
    made = RUNS[job.recipe](PARAMETERS[job.recipe].model_validate(job.parameters), reference, bench)
    progress.tell("write", 0.5, "")
    artifacts = _write_artifacts(made, job, output)
    report = Report(
        schema="ratchet.dev/report/v1",
        job=job.job,
        attempt=job.attempt,
        outcome="candidate" if made.candidate is not None else "no-candidate",
        reasons=(*made.reasons, *notes),
        artifacts=artifacts,
        # Each of them was compared with the bytes that were parsed; a file that differs ends the attempt.
        read=ReportedInputs(
            reference=job.artifacts.reference.digest,
            champion=champion.digest if champion and "champion" in models else None,
            train=rows.digest,
        ),
        data=ReportedData(
            digest=rows.digest,
            requested=job.data.train.rows,
            used=len(rows),
            labelled=int(rows.labelled.sum()),
            replay=int(rows.replay.sum()),
        ),
        figures=made.figures,
        steps=made.steps,
        versions=_versions(),
        seed=job.seed,
        command=shlex.join(["python", "-m", "ratchet_runners", "run", job_path.name, "--output", output.folder.name]),
        wall_seconds=round(time.monotonic() - started, 3),
        peak_rss_bytes=peak_rss_bytes(),
    )
    progress.tell("write", 1.0, report.outcome)
    output.write("report.json", report.model_dump_json(by_alias=True, indent=2).encode() + b"\n")
    return report


def _write_artifacts(made: Made, job: Job, output: Output) -> tuple[ReportedArtifact, ...]:
    artifacts: list[ReportedArtifact] = []

    def write(file: str, kind: Literal["compressed", "reference"], model: onnx.ModelProto) -> None:
        content = serialise(model)
        output.write(file, content)
        artifacts.append(
            ReportedArtifact(
                file=file,
                digest=digest_of_bytes(content),
                kind=kind,
                parent=job.artifacts.reference.digest,
                size_bytes=len(content),
            )
        )

    if made.candidate is not None:
        write("candidate.onnx", "compressed", made.candidate)
    if made.reference is not None:
        write("reference.onnx", "reference", made.reference)
    return tuple(artifacts)


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "ratchet_runners": __version__}
    for name in ("numpy", "onnx", "onnxruntime", "pyarrow", "pydantic", "torch"):
        if name in sys.modules:
            versions[name] = metadata.version(name)
    return versions
