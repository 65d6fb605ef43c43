"""Which nodes get which width, and a graph with Q/DQ pairs for training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import onnx

from ratchet_runners.data.rows import Indices
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.quantize.aware.config import QuantizeAware, Width
from ratchet_runners.quantize.calibration.calibration import calibrate
from ratchet_runners.quantize.calibration.choosing import calibration_figures, calibration_notes, choose_rows
from ratchet_runners.quantize.calibration.observing import float_tensors
from ratchet_runners.quantize.calibration.ranges import Method, Ranges
from ratchet_runners.quantize.static.config import QuantizeStatic
from ratchet_runners.quantize.static.form import form_of
from ratchet_runners.quantize.static.islands import island_nodes, shallow_nodes, weighted_nodes
from ratchet_runners.quantize.static.layers import PARTS, parts_of
from ratchet_runners.quantize.static.narrow import cast_while_loading, lifted_for_four_bits
from ratchet_runners.quantize.static.place import place
from ratchet_runners.workbench import Workbench

NOTHING = (
    "no operator of the model has a constant weight that integers could hold, or all are to stay in floating point"
)


@dataclass(frozen=True)
class Placed:
    """`model` has the pairs; `source` is the float graph that they were placed in, at the same operator set."""

    model: onnx.ModelProto
    source: onnx.ModelProto
    figures: dict[str, float | None] = field(default_factory=dict[str, float | None])
    notes: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()


def place_pairs(
    config: QuantizeAware, plain: onnx.ModelProto, bench: Workbench, carried: Ranges | None = None
) -> Placed:
    """Calibrates the normalised float graph on training rows and places pairs; `carried` ranges go before calibrated
    ones. @throws DataUnusable, ModelUnusable
    """
    widths = widths_of(config, plain)
    if 4 in widths.values():
        plain = lifted_for_four_bits(plain)
    kept = [name for name, width in widths.items() if width != "float"]
    if not kept:
        return Placed(plain, plain, refusals=(NOTHING,))
    chosen = choose_rows(config, bench)
    form = form_of(QuantizeStatic(per_channel=config.per_channel, weight_bits=config.bits), bench.hardware)
    four = frozenset(name for name in kept if widths[name] == 4)
    nodes = island_nodes(plain, kept)
    ranges, notes = _ranges(config, plain, nodes, chosen, form.symmetric_activations, bench)
    placed = place(plain, nodes, {**ranges, **(carried or {})}, replace(form, four_bits=four))
    figures = calibration_figures(config, chosen, bench)
    figures |= {"quantizedNodes": float(len(kept)), "fourBitNodes": float(len(four))}
    return Placed(cast_while_loading(placed) if four else placed, plain, figures, tuple(notes))


def _ranges(
    config: QuantizeAware, plain: onnx.ModelProto, nodes: list[str], chosen: Indices, symmetric: bool, bench: Workbench
) -> tuple[Ranges, list[str]]:
    watched = float_tensors(plain, nodes)
    method = Method.of(config, symmetric)
    seen = calibrate(plain, watched, chosen, config.batch_size, method.counts, bench)
    ranges, held = seen.ranges(method, config.replay_widening)
    return ranges, calibration_notes(config, chosen, held, len(watched))


def widths_of(config: QuantizeAware, plain: onnx.ModelProto) -> dict[str, Width]:
    """The width of every weighted node, in the graph's order. A convolution over a handful of channels, which eight
    bits make slower, stays in floating point unless it is named. @throws ModelUnusable for names of nothing
    """
    shallow = [name for name in shallow_nodes(plain) if name in config.widths]
    usual = weighted_nodes(plain)
    weighted = [node.name for node in plain.graph.node if node.name in usual or node.name in shallow]
    unknown = sorted(set(config.widths) - set(PARTS) - set(weighted))
    if unknown:
        raise ModelUnusable(
            "A width is named for nothing that could be quantized",
            [f"{name!r} is neither {', '.join(PARTS)} nor one of {', '.join(weighted[:20])}" for name in unknown],
        )
    # A shallow first convolution in floating point is the first layer, kept higher than asked.
    every = [node.name for node in plain.graph.node if node.name in {*weighted, *shallow_nodes(plain)}]
    parts = parts_of(plain, every)
    return {name: _width(config, name, parts[name]) for name in weighted}


def _width(config: QuantizeAware, name: str, parts: set[str]) -> Width:
    named: Mapping[str, Width] = config.widths
    if name in named:
        return named[name]
    for part in PARTS:
        if part in named and part in parts:
            return named[part]
    if parts & {"first", "last"} and config.ends != "same":
        return config.ends
    return config.bits
