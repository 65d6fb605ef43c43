"""One attempt from files to files. Everything heavy is imported here and below, after the limits are in place."""

from __future__ import annotations

import platform
import shlex
import sys
import threading
import time
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Literal

import onnx

from ratchet_runners import __version__
from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.documents.job import Job
from ratchet_runners.documents.report import Report, ReportedArtifact, ReportedInputs
from ratchet_runners.execution.limits import peak_rss_bytes
from ratchet_runners.execution.output import Output
from ratchet_runners.execution.prepare import Prepared, prepare
from ratchet_runners.execution.progress import Progress
from ratchet_runners.execution.stages import Stages
from ratchet_runners.faults import RunnerFault
from ratchet_runners.model.scoring import serialise
from ratchet_runners.recipes import PARAMETERS
from ratchet_runners.recipes.outcome import Made
from ratchet_runners.recipes.runs import RUNS


class Attempt:
    """Runs a job's recipe once. What it was offered so far can be written from another thread when a limit is hit."""

    def __init__(self, job: Job, job_path: Path, output: Output, progress: Progress, started: float) -> None:
        self._job = job
        self._job_path = job_path
        self._output = output
        self._progress = progress
        self._started = started
        self._lock = threading.Lock()
        self._offered: tuple[Prepared, Made] | None = None
        self._written: Report | None = None

    def run(self) -> Report:
        """Writes the artifacts, then the report. @throws RunnerFault"""
        job = self._job
        self._progress.tell("read", 0.0, "models and data")
        prepared = prepare(job, self._job_path.resolve().parent, self._progress.tell, self._started)
        stages = Stages(self._output.folder) if job.recipe == "compress" else None

        def offer(made: Made) -> None:
            with self._lock:
                self._offered = (prepared, made)

        bench = replace(prepared.bench, stages=stages, offer=offer)
        made = RUNS[job.recipe](PARAMETERS[job.recipe].model_validate(job.parameters), prepared.reference, bench)
        self._progress.tell("write", 0.5, "")
        with self._lock:
            report = self._written or self._write(prepared, made)
        if stages:
            stages.forget_models()
        return report

    def rescue(self, fault: RunnerFault) -> Report | None:
        """At the breach of a limit: writes the best so far as the attempt's end. None where there is none."""
        with self._lock:
            if self._written is None and self._offered is not None:
                prepared, made = self._offered
                ended = f"{fault.message}; this is the best of what was tried until then"
                self._write(prepared, replace(made, reasons=(ended, *made.reasons)))
            return self._written

    def _write(self, prepared: Prepared, made: Made) -> Report:
        job, data = self._job, prepared.data
        champion = job.artifacts.champion
        report = Report(
            schema="ratchet.dev/report/v1",
            job=job.job,
            attempt=job.attempt,
            outcome="candidate" if made.candidate is not None else "no-candidate",
            reasons=(*made.reasons, *prepared.notes),
            artifacts=_write_artifacts(made, job, self._output),
            # Each of them was compared with the bytes that were parsed; a file that differs ends the attempt.
            read=ReportedInputs(
                reference=job.artifacts.reference.digest,
                champion=champion.digest if champion and "champion" in prepared.bench.models else None,
                train=data.digest,
            ),
            data=data,
            figures=made.figures,
            steps=made.steps,
            versions=_versions(),
            seed=job.seed,
            command=shlex.join(
                ["python", "-m", "ratchet_runners", "run", self._job_path.name, "--output", self._output.folder.name]
            ),
            wall_seconds=round(time.monotonic() - self._started, 3),
            peak_rss_bytes=peak_rss_bytes(),
            alternatives=made.alternatives,
            evaluation=made.evaluation,
            plan=made.plan,
            hardware=prepared.bench.hardware.name,
            objectives=job.objectives.model_dump(mode="json", by_alias=True),
        )
        self._progress.tell("write", 1.0, report.outcome)
        self._output.write("report.json", report.model_dump_json(by_alias=True, indent=2).encode() + b"\n")
        self._written = report
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
