"""What it costs to start serving a model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

import ratchet_runners
from ratchet_runners.data.rows import Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.evaluate.document import Starting
from ratchet_runners.model.scoring import serialise

TIMEOUT_SECONDS = 120.0


class ChildFailed(Exception):
    """The process that was to load the model ended without an answer."""


def starting_of(
    model: onnx.ModelProto, rows: Inputs, contract: ModelContract, threads: int, times: int = 1
) -> Starting:
    """Loads the model in fresh processes, one after the other, and takes the least time and the least peak of them.

    @throws ChildFailed
    """
    with tempfile.TemporaryDirectory(prefix="ratchet-starting-") as folder:
        path, batch = Path(folder) / "model.onnx", Path(folder) / "rows.npy"
        path.write_bytes(serialise(model))
        np.save(batch, np.ascontiguousarray(rows))
        found = [_started(path, batch, contract, threads) for _ in range(times)]
    return Starting(
        load_ms=min(one.load_ms for one in found),
        first_ms=min(one.first_ms for one in found),
        peak_bytes=min(one.peak_bytes for one in found),
    )


def _started(model: Path, rows: Path, contract: ModelContract, threads: int) -> Starting:
    source = str(Path(ratchet_runners.__file__).resolve().parents[1])
    searched = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])
    names = (contract.input.name, contract.output.name, str(threads))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ratchet_runners.evaluate.child", str(model), str(rows), *names],
            env={**os.environ, "PYTHONPATH": searched},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise ChildFailed(f"it took longer than {TIMEOUT_SECONDS:g} seconds") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:] or ["no message"]
        raise ChildFailed(f"it ended with {error.returncode}: {last[0]}") from error
    return Starting.model_validate(json.loads(done.stdout))
