"""What one pass has seen, kept: several methods, sensitivity and mixed precision work on it without another pass."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.data.rows import Indices
from ratchet_runners.model.scoring import serialise
from ratchet_runners.quantize.calibration.histogram import Histogram
from ratchet_runners.quantize.calibration.observing import Observation, Observations, observe
from ratchet_runners.quantize.calibration.ranges import Method, Ranges, widen
from ratchet_runners.workbench import Workbench

PARTS = ("fresh", "older")


@dataclass(frozen=True)
class Calibration:
    """Observations of fresh rows, and of older ones where there are some."""

    #: Of everything that the observations depend on: model, tensors, rows and their order, batch size.
    digest: str
    fresh: Observations
    older: Observations = field(default_factory=dict[str, Observation])

    def ranges(self, method: Method, widening: float) -> tuple[Ranges, int]:
        """Ranges by fresh rows, widened by older ones at most `widening` times, and how many were held there."""
        fresh, older = (
            {name: method.range_of(seen) for name, seen in part.items()} for part in (self.fresh, self.older)
        )
        return widen(fresh, older, widening) if older else (fresh, 0)

    def save(self, path: Path) -> None:
        """Writes the observations whole or not at all; a histogram's counts are kept exactly."""
        arrays: dict[str, np.ndarray] = {}
        about: dict[str, object] = {"digest": self.digest}
        for part, observations in zip(PARTS, (self.fresh, self.older), strict=True):
            about[part] = [
                {
                    "name": name,
                    "low": seen.low,
                    "high": seen.high,
                    "batches": [batch for batch in seen.batches if batch[0] <= batch[1]],
                    "notFinite": seen.not_finite,
                    "bins": [seen.histogram.exponent, seen.histogram.first],
                }
                for name, seen in observations.items()
            ]
            for number, seen in enumerate(observations.values()):
                arrays[f"{part}{number}"] = seen.histogram.counts
        arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
        unfinished = path.with_suffix(".unfinished.npz")
        np.savez_compressed(unfinished, **arrays)  # pyright: ignore[reportArgumentType]
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """@throws OSError, ValueError, KeyError where the file is missing or something else"""
        with np.load(path) as arrays:
            about = json.loads(arrays["about"].tobytes())
            fresh, older = (
                {entry["name"]: _restored(entry, arrays[f"{part}{number}"]) for number, entry in enumerate(about[part])}
                for part in PARTS
            )
        return cls(about["digest"], fresh, older)


def _restored(entry: dict[str, object], counts: np.ndarray) -> Observation:
    histogram = Histogram()
    low, high = float(str(entry["low"])), float(str(entry["high"]))
    exponent, first = entry["bins"]  # pyright: ignore[reportGeneralTypeIssues]
    histogram.exponent, histogram.first, histogram.counts = int(exponent), int(first), counts
    if counts.size:
        histogram.low, histogram.high = low, high
    batches = [(float(one), float(other)) for one, other in entry["batches"]]  # pyright: ignore
    return Observation(low, high, batches, histogram, int(str(entry["notFinite"])))


def calibrate(
    model: onnx.ModelProto,
    tensors: list[str],
    chosen: Indices,
    batch_size: int,
    counted: bool,
    bench: Workbench,
) -> Calibration:
    """One pass over the chosen rows, fresh and older ones apart; from the scratch folder where it is there already.

    `counted` asks for histograms. @throws ModelUnusable
    """
    digest = _digest(model, tensors, chosen, batch_size, bench)
    name = f"calibration-{digest.removeprefix('sha256:')[:16]}-{'counted' if counted else 'extremes'}.npz"
    kept = None if bench.scratch is None else bench.scratch / name
    if kept is not None and kept.exists():
        try:
            return Calibration.load(kept)
        except (OSError, ValueError, KeyError):
            kept.unlink(missing_ok=True)
    replay = bench.rows.replay[chosen]
    parts = [part for part in (chosen[~replay], chosen[replay]) if len(part)]
    found: list[Observations] = []
    for number, part in enumerate(parts):

        def tell(fraction: float, message: str, number: int = number) -> None:
            bench.tell("calibrate", (number + fraction) / len(parts), message)

        given, inputs = bench.contract.input.name, bench.rows.input[part]
        found.append(observe(model, given, tensors, inputs, batch_size, counted, bench.threads, tell))
    made = Calibration(digest, found[0], found[1] if len(found) > 1 else {})
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        made.save(kept)
    return made


def _digest(model: onnx.ModelProto, tensors: list[str], chosen: Indices, batch_size: int, bench: Workbench) -> str:
    about = [bench.rows.digest, str(batch_size), *tensors, digest_of_bytes(serialise(model))]
    return digest_of_bytes("\n".join(about).encode() + np.ascontiguousarray(chosen).tobytes())
