"""Model in, the same model with Q/DQ pairs out."""

from __future__ import annotations

import numpy as np
import onnx

from ratchet_runners.data.rows import Indices
from ratchet_runners.data.split import with_replay
from ratchet_runners.faults import DataUnusable
from ratchet_runners.model.normalise import normalise
from ratchet_runners.quantize.static.calibrate import Ranges, calibrate, tensors_of, widen
from ratchet_runners.quantize.static.config import QuantizeStatic
from ratchet_runners.quantize.static.islands import island_nodes, shallow_nodes, weighted_nodes
from ratchet_runners.quantize.static.place import place
from ratchet_runners.quantize.static.sensitivity import rank
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench

#: Below so many weights the fixed costs of a quantized graph usually outweigh what it saves.
SMALL = 50_000


@technique("quantize-static", QuantizeStatic)
def quantize_static(config: QuantizeStatic, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """Calibrates on what is served, with a share of replay rows, and quantizes what gains by it.

    @throws DataUnusable, ModelUnusable
    """
    # The newest rows are the likeliest to be what will be served; the split's own order decides between equals.
    newest = bench.split.train[np.argsort(-bench.rows.at[bench.split.train], kind="stable")]
    chosen = with_replay(bench.rows, newest, config.calibration_rows, config.replay_share)
    if len(chosen) < config.minimum_rows:
        raise DataUnusable(f"Calibration needs at least {config.minimum_rows} rows, there are {len(chosen)}")
    rows = bench.rows.input[chosen]
    bench.tell("normalise", 0.0, "")
    plain = normalise(model, rows[:32], bench.contract, bench.threads)
    weighted = weighted_nodes(plain)
    if not weighted:
        return StepResult(
            plain, refusals=("no operator of the model has a constant weight that eight bits could hold",)
        )
    watched = tensors_of(plain, island_nodes(plain, weighted))
    ranges, clipped = _ranges(config, plain, watched, chosen, bench)
    notes: list[str] = []
    if len(chosen) < config.calibration_rows:
        notes.append(f"calibrated on {len(chosen)} rows where {config.calibration_rows} were asked for")
    if clipped:
        notes.append(f"{clipped} of {len(watched)} ranges fit fresh rows only: for older ones they would be too coarse")
    shallow = shallow_nodes(plain)
    if shallow:
        notes.append(
            f"left in floating point, because so few input channels are no faster in eight bits: {', '.join(shallow)}"
        )
    figures: dict[str, float | None] = {
        "calibrationRows": float(len(chosen)),
        "calibrationReplayRows": float(bench.rows.replay[chosen].sum()),
        "weightedNodes": float(len(weighted)),
    }
    kept = weighted
    if config.exclude_sensitive:
        losses = rank(
            plain,
            weighted,
            ranges,
            config.per_channel,
            rows[: config.sensitivity_rows],
            bench,
            lambda fraction, message: bench.tell("sensitivity", fraction, message),
        )
        left = {name for name, _ in losses[: config.exclude_sensitive]}
        kept = [name for name in weighted if name not in left]
        notes += [
            f"left in floating point: {name} (relative error {loss:.2e})" for name, loss in losses if name in left
        ]
        if not kept:
            return StepResult(plain, figures, tuple(notes), ("every node was left in floating point",))
    bench.tell("quantize", 0.0, f"{len(kept)} nodes")
    placed = place(plain, island_nodes(plain, kept), ranges, config.per_channel)
    figures["quantizedNodes"] = float(len(kept))
    if _weights(plain) < SMALL:
        notes.append(f"the model has {_weights(plain)} weights: so small a model seldom gets faster by quantization")
    bench.tell("quantize", 1.0, "")
    return StepResult(placed, figures, tuple(notes))


def _ranges(
    config: QuantizeStatic, model: onnx.ModelProto, watched: list[str], chosen: Indices, bench: Workbench
) -> tuple[Ranges, int]:
    """Ranges by fresh rows, widened by older ones as far as the configuration allows, and how many were held there."""
    replay = bench.rows.replay[chosen]
    parts = [part for part in (chosen[~replay], chosen[replay]) if len(part)]
    found: list[Ranges] = []
    for number, part in enumerate(parts):

        def tell(fraction: float, message: str, number: int = number) -> None:
            bench.tell("calibrate", (number + fraction) / len(parts), message)

        found.append(calibrate(config, model, watched, bench.rows.input[part], bench, tell))
    if len(found) == 1:
        return found[0], 0
    return widen(found[0], found[1], config.replay_widening)


def _weights(model: onnx.ModelProto) -> int:
    total = 0
    for tensor in model.graph.initializer:
        size = 1
        for length in tensor.dims:
            size *= length
        total += size
    return total
