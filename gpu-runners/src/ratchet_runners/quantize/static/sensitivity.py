"""Ranks nodes by what eight bits cost them, without calibrating again for each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from ratchet_runners.data.rows import Floats
from ratchet_runners.model.scoring import score
from ratchet_runners.quantize.static.calibrate import Ranges
from ratchet_runners.quantize.static.place import place
from ratchet_runners.workbench import Workbench


def rank(
    model: onnx.ModelProto,
    weighted: list[str],
    ranges: Ranges,
    per_channel: bool,
    rows: Floats,
    bench: Workbench,
    tell: Callable[[float, str], None],
) -> list[tuple[str, float]]:
    """Weighted nodes with the relative squared error of the output when only this node is quantized, worst first."""
    exact = score(model, rows, bench.contract, bench.threads)
    power = float(np.mean(exact.astype(np.float64) ** 2)) + 1e-12
    losses: list[tuple[str, float]] = []
    for position, name in enumerate(weighted):
        alone = score(place(model, [name], ranges, per_channel), rows, bench.contract, bench.threads)
        losses.append((name, float(np.mean((alone.astype(np.float64) - exact) ** 2)) / power))
        tell((position + 1) / len(weighted), f"{position + 1} of {len(weighted)} nodes")
    return sorted(losses, key=lambda loss: (-loss[1], loss[0]))
