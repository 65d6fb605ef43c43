"""Runs the peers, each in a process of its own; one that fails is a finding, not the end."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from jobs import Result

#: What makes sense where: AIMET rounds convolutions, Torch-Pruning knows no way from our module for recurrent states.
PEERS_FOR = {
    "cnn": (
        "ort-static",
        "ort-static-per-channel",
        "nncf",
        "nncf-accuracy-control",
        "aimet-adaround-w4",
        "torch-pruning-50",
    ),
    "encoder": ("ort-dynamic", "ort-static", "ort-int4-blocks", "nncf", "nncf-accuracy-control", "torch-pruning-50"),
    "gru": ("ort-dynamic", "ort-static", "nncf", "torch-pruning-50"),
    "small": ("ort-static", "ort-static-per-channel", "nncf", "aimet-adaround-w4"),
}
SECONDS = 400


def run_peers(family: Path, folder: Path, options: Any) -> list[Result]:
    """Every peer of a family, or nothing where there is no environment for them."""
    if not options.peers:
        return []
    names = PEERS_FOR[family.name][:3] if options.quick else PEERS_FOR[family.name]
    return [_run(name, family, folder / family.name, options) for name in names]


def _run(name: str, family: Path, folder: Path, options: Any) -> Result:
    folder.mkdir(parents=True, exist_ok=True)
    output, done = folder / f"{name}.onnx", folder / f"{name}.json"
    if not done.exists():
        print(f"  {name} ...", end="", flush=True)
        started = time.monotonic()
        script = Path(__file__).with_name("peers.py")
        command = [options.peers, str(script), name, str(family), str(output)]
        note = ""
        try:
            ended = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, timeout=SECONDS)
            if ended.returncode:
                note = (ended.stderr.strip().splitlines() or ["it failed without a message"])[-1][:300]
        except subprocess.TimeoutExpired:
            note = f"stopped after {SECONDS} s"
        seconds = time.monotonic() - started
        print(f" {seconds:.0f} s {note[:100]}", flush=True)
        done.write_text(json.dumps({"seconds": seconds, "note": note}))
    stored = json.loads(done.read_text())
    model = output if output.exists() and not stored["note"] else None
    return Result(name, "peer", model, stored["seconds"], stored["note"])
