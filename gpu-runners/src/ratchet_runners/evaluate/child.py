"""A fresh process that loads one model and answers once: load time and memory as a server meets them.

    python -m ratchet_runners.evaluate.child MODEL.onnx ROWS.npy INPUT OUTPUT THREADS

Prints one JSON object: `loadMs`, `firstMs`, `peakBytes`. Imports little, so that it starts quickly.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

from ratchet_runners.model.session import session_of


def main(arguments: list[str]) -> int:
    model, rows, input_name, output_name, threads = arguments
    batch = np.load(rows)
    before = held("VmRSS")
    started = time.perf_counter()
    session = session_of(Path(model).read_bytes(), int(threads))
    loaded = time.perf_counter()
    session.run([output_name], {input_name: batch})
    answered = time.perf_counter()
    found = {
        "loadMs": 1000 * (loaded - started),
        "firstMs": 1000 * (answered - loaded),
        "peakBytes": max(0, held("VmHWM") - before),
    }
    print(json.dumps(found))
    return 0


def held(what: str) -> int:
    """Bytes of this program alone: what `getrusage` tells may be the parent's peak, from before the program was
    started, so that it is asked only where the system has no better word."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))
    except (OSError, StopIteration, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
