"""Runs recipes as anybody would: a job document, `python -m ratchet_runners run`, a report. What is done stays done."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import ipc

#: Of every job but the repeated ones.
SEED = 7


@dataclass(frozen=True)
class Result:
    """What came of a recipe or a peer. Without a model `note` says why."""

    name: str
    group: str
    model: Path | None
    seconds: float
    note: str


def digest(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def write_traffic(family: Path) -> Path:
    """The traffic part as a control plane would export it: no labels, all of it fresh."""
    path = family / "traffic.arrow"
    if path.exists():
        return path
    rows = np.load(family / "data.npz")["traffic_x"]
    save_rows(path, rows, np.full(len(rows), np.nan), ["fresh"] * len(rows), "t")
    return path


def save_rows(path: Path, rows: np.ndarray, labels: np.ndarray, strata: list[str], prefix: str) -> None:
    """An Arrow file with the columns that the runner reads; `labels` are NaN where there is none."""
    flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).reshape(-1))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    table = pa.table(
        {
            "request_id": [f"{prefix}-{number}" for number in range(len(rows))],
            "at": pa.array(
                [start + timedelta(seconds=number) for number in range(len(rows))], pa.timestamp("ms", "UTC")
            ),
            "version": ["sha256:" + "0" * 64] * len(rows),
            "input": pa.FixedSizeListArray.from_arrays(flat, int(np.prod(rows.shape[1:]))),
            "prediction": pa.array(np.zeros(len(rows))),
            "confidence": pa.array([None] * len(rows), pa.float64()),
            "label": pa.array([None if np.isnan(label) else float(label) for label in labels], pa.float64()),
            "stratum": strata,
        }
    )
    with pa.OSFile(str(path), "wb") as file, ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def compress_document(
    job: str,
    alternative: dict[str, Any],
    contract: dict[str, Any],
    reference: Path,
    rows: Path,
    options: Any,
    seed: int = SEED,
) -> dict[str, Any]:
    """A job document that tries one alternative on unlabelled rows, whatever it loses: the bench judges for itself."""
    return {
        "schema": "ratchet.dev/job/v1",
        "job": job,
        "attempt": f"{job}-a1",
        "model": contract,
        "recipe": "compress",
        "parameters": {"alternatives": [alternative]},
        "artifacts": {"reference": artifact(reference)},
        "data": {"train": {**artifact(rows), "rows": row_count(rows), "labelled": 0}},
        "limits": {"wallSeconds": options.job_seconds, "maxRssBytes": 8 << 30, "threads": options.threads},
        "objectives": {"maximumLoss": 1.0, "favour": "quality"},
        "seed": seed,
    }


def artifact(path: Path) -> dict[str, str]:
    return {"path": str(path), "digest": digest(path)}


def contract_of(family: Path) -> dict[str, Any]:
    return json.loads((family / "contract.json").read_text())


def run_recipe(
    family: Path, folder: Path, name: str, steps: list[dict[str, Any]], options: Any, seed: int = SEED
) -> Result:
    """One alternative of one job. A finished job of the same document and package is not run again."""
    name = name if seed == SEED else f"{name}-seed-{seed}"
    document = compress_document(
        f"{family.name}-{name}",
        {"name": name, "steps": steps},
        contract_of(family),
        family / "model.onnx",
        write_traffic(family),
        options,
        seed,
    )
    return run_job(document, folder / family.name / name, name, "ours")


def row_count(path: Path) -> int:
    with pa.memory_map(str(path)) as source:
        return ipc.open_file(source).read_all().num_rows


def run_job(document: dict[str, Any], output: Path, name: str, group: str) -> Result:
    """Runs a job document in a process of its own and reads what it left."""
    output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2)
    job = output / "job.json"
    if not ((output / "report.json").exists() and job.exists() and job.read_text() == text):
        (output / "report.json").unlink(missing_ok=True)
        job.write_text(text)
        print(f"  {name} ...", end="", flush=True)
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "ratchet_runners", "run", str(job), "--output", str(output)],
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
            capture_output=True,
            text=True,
            check=False,
        )
        print(f" {time.monotonic() - started:.0f} s, exit code {done.returncode}", flush=True)
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            return Result(name, group, None, time.monotonic() - started, " ".join(lines[:3]) or "no message")
    report = json.loads((output / "report.json").read_text())
    model = output / "candidate.onnx"
    if report["outcome"] != "candidate":
        return Result(name, group, None, report["wallSeconds"], "; ".join(report["reasons"]))
    notes = [note for step in report["steps"] for note in step["notes"]]
    return Result(name, group, model, report["wallSeconds"], "; ".join(notes))
