"""Which rows the ranges are taken from, and what a reader should know of the choice."""

from __future__ import annotations

import numpy as np

from ratchet_runners.data.rows import Indices
from ratchet_runners.data.split import with_replay
from ratchet_runners.faults import DataUnusable
from ratchet_runners.quantize.calibration.config import Calibrating
from ratchet_runners.workbench import Workbench


def choose_rows(config: Calibrating, bench: Workbench) -> Indices:
    """The newest rows for training, with a share of replay. @throws DataUnusable below the floor"""
    # The newest rows are the likeliest to be what will be served; the split's own order decides between equals.
    newest = bench.split.train[np.argsort(-bench.rows.at[bench.split.train], kind="stable")]
    chosen = with_replay(bench.rows, newest, config.calibration_rows, config.replay_share)
    if len(chosen) < config.minimum_rows:
        raise DataUnusable(f"Calibration needs at least {config.minimum_rows} rows, there are {len(chosen)}")
    return chosen


def calibration_figures(config: Calibrating, chosen: Indices, bench: Workbench) -> dict[str, float | None]:
    return {
        "calibrationRowsRequested": float(config.calibration_rows),
        "calibrationRows": float(len(chosen)),
        "calibrationReplayRows": float(bench.rows.replay[chosen].sum()),
    }


def calibration_notes(config: Calibrating, chosen: Indices, held: int, ranges: int) -> list[str]:
    """`held`: how many of the ranges older rows would have widened further."""
    notes: list[str] = []
    if len(chosen) < config.calibration_rows:
        notes.append(f"calibrated on {len(chosen)} rows where {config.calibration_rows} were asked for")
    if held:
        notes.append(f"{held} of {ranges} ranges fit fresh rows only: for older ones they would be too coarse")
    return notes
