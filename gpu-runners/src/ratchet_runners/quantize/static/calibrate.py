"""One streamed pass over real rows: what range every tensor takes. Memory is bound by a batch, whatever the method."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from ratchet_runners.data.rows import Floats
from ratchet_runners.model.scoring import serialise, session_of
from ratchet_runners.quantize.static.config import QuantizeStatic
from ratchet_runners.workbench import Workbench

BINS = 4096

#: Lowest and highest value by tensor.
Ranges = dict[str, tuple[float, float]]


def tensors_of(model: onnx.ModelProto, nodes: Collection[str]) -> list[str]:
    """The float tensors that these nodes take and give, weights not counted."""
    constants = {tensor.name for tensor in model.graph.initializer}
    kinds = {
        value.name: value.type.tensor_type.elem_type
        for value in onnx.shape_inference.infer_shapes(model).graph.value_info
    }
    kinds |= {value.name: value.type.tensor_type.elem_type for value in [*model.graph.input, *model.graph.output]}
    names: dict[str, None] = {}
    for node in model.graph.node:
        if node.name in nodes:
            for name in [*node.input, *node.output]:
                if name and name not in constants and kinds.get(name, TensorProto.FLOAT) == TensorProto.FLOAT:
                    names[name] = None
    return list(names)


def calibrate(
    config: QuantizeStatic,
    model: onnx.ModelProto,
    tensors: list[str],
    rows: Floats,
    bench: Workbench,
    tell: Callable[[float, str], None],
) -> Ranges:
    """Ranges of `tensors` over `rows`. Percentile takes a second pass, for histograms between minimum and maximum."""
    method, averaging, given = config.method, config.averaging, bench.contract.input.name
    size = config.batch_size
    passes = 2 if method == "percentile" else 1
    done = 0

    def stream(consume: Callable[[str, npt.NDArray[np.float32]], None]) -> None:
        nonlocal done
        for start in range(0, len(rows), size):
            values = session.run(watched, {given: np.ascontiguousarray(rows[start : start + size])})
            for name, value in zip(watched, values, strict=True):
                consume(name, np.asarray(value, dtype=np.float32))
            done += 1
            tell(done / (passes * batches), f"{min(len(rows), start + size)} of {len(rows)} rows")

    batches = max(1, -(-len(rows) // size))
    watched = [name for name in tensors if name != given]
    session = session_of(_watching(model, watched), bench.threads)
    seen: Ranges = {}

    def extremes(name: str, value: npt.NDArray[np.float32]) -> None:
        low, high = float(value.min()), float(value.max())
        if name not in seen:
            seen[name] = (low, high)
        elif method == "ema":
            old_low, old_high = seen[name]
            seen[name] = (averaging * old_low + (1 - averaging) * low, averaging * old_high + (1 - averaging) * high)
        else:
            seen[name] = (min(seen[name][0], low), max(seen[name][1], high))

    stream(extremes)
    if method == "percentile":
        counts = {name: np.zeros(BINS, dtype=np.int64) for name in watched}

        def count(name: str, value: npt.NDArray[np.float32]) -> None:
            low, high = seen[name]
            counts[name] += np.histogram(value, bins=BINS, range=(low, max(high, low + 1e-12)))[0]

        stream(count)
        seen = {name: _within(counts[name], seen[name], config.percentile) for name in watched}
    if given in tensors:
        for start in range(0, len(rows), size):
            extremes(given, rows[start : start + size])
    return seen


def _within(counts: npt.NDArray[np.int64], extremes: tuple[float, float], percentile: float) -> tuple[float, float]:
    low, high = extremes
    tail = (100 - percentile) / 200 * counts.sum()
    first = int(np.searchsorted(np.cumsum(counts), tail, side="right"))
    last = BINS - 1 - int(np.searchsorted(np.cumsum(counts[::-1]), tail, side="right"))
    width = (high - low) / BINS
    return low + first * width, low + (max(last, first) + 1) * width


def _watching(model: onnx.ModelProto, tensors: list[str]) -> bytes:
    watching = onnx.ModelProto()
    watching.CopyFrom(model)
    given = {value.name for value in watching.graph.output}
    watching.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in tensors if name not in given
    )
    return serialise(watching)


def widen(fresh: Ranges, older: Ranges, factor: float) -> tuple[Ranges, int]:
    """Fresh ranges extended towards older ones to at most `factor` times their width, and how many stopped there.

    Eight bits hold 256 levels: a range that also fits data of twenty times the amplitude leaves the fresh ones a dozen.
    """
    merged: Ranges = {}
    held = 0
    for name, (low, high) in fresh.items():
        below, above = max(0.0, low - older[name][0]), max(0.0, older[name][1] - high)
        allowed = (factor - 1) * (high - low)
        share = min(1.0, allowed / (below + above)) if below + above > 0 else 1.0
        held += share < 1
        merged[name] = (low - share * below, high + share * above)
    return merged, held
