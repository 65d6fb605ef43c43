"""Inner tensors of a model over real rows, batch by batch: memory is bound by a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from ratchet_runners.data.rows import Indices, Inputs
from ratchet_runners.data.split import with_replay
from ratchet_runners.faults import DataUnusable, ModelUnusable
from ratchet_runners.model.graph import Array, copy_of
from ratchet_runners.model.scoring import serialise, session_of
from ratchet_runners.quantize.layers import Layer
from ratchet_runners.workbench import Workbench

BATCH = 32

Moment = npt.NDArray[np.float64]


def calibration_rows(bench: Workbench, count: int, minimum: int, replay_share: float = 0.25) -> Inputs:
    """Up to `count` training rows, the newest first, with a share of replay. @throws DataUnusable below `minimum`"""
    newest: Indices = bench.split.train[np.argsort(-bench.rows.at[bench.split.train], kind="stable")]
    chosen = with_replay(bench.rows, newest, count, replay_share)
    if len(chosen) < minimum:
        raise DataUnusable(f"Calibration needs at least {minimum} rows, there are {len(chosen)}")
    return bench.rows.input[chosen]


def stream(
    model: onnx.ModelProto, tensors: Sequence[str], rows: Inputs, bench: Workbench, batch_size: int = BATCH
) -> Iterator[dict[str, Array]]:
    """Yields the float tensors of these names, a batch at a time; only what they need is computed.

    @throws ModelUnusable when the model cannot answer, or answers with numbers that are not finite
    """
    given = bench.contract.input.name
    watched = [name for name in dict.fromkeys(tensors) if name != given]
    session = session_of(_watching(model, watched), bench.threads) if watched else None
    for start in range(0, len(rows), batch_size):
        batch = np.ascontiguousarray(rows[start : start + batch_size])
        values: dict[str, Array] = {given: batch} if given in tensors else {}
        if session is not None:
            try:
                made = session.run(watched, {given: batch})
            except Exception as error:
                raise ModelUnusable("The model does not answer real rows", [str(error).strip()]) from error
            values |= {name: np.asarray(value) for name, value in zip(watched, made, strict=True)}
        broken = [name for name, value in values.items() if not np.isfinite(value).all()]
        if broken:
            raise ModelUnusable("The model gives numbers that are not finite on real rows", broken)
        yield values


def _watching(model: onnx.ModelProto, tensors: list[str]) -> bytes:
    watching = copy_of(model)
    del watching.graph.output[:]
    watching.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in tensors)
    return serialise(watching)


class SecondMoments:
    """Mean of x xT over what a layer is multiplied with, a matrix (in, in) for each group."""

    def __init__(self, layer: Layer, seed: int) -> None:
        self.layer = layer
        self.count = 0
        self._seed = seed
        width = int(np.prod(layer.shape)) // layer.outputs
        self._sum: Moment = np.zeros((layer.groups, width, width))

    def add(self, activation: Array) -> None:
        columns = self.layer.columns(activation, self._seed + self.count).astype(np.float32)
        self._sum += np.matmul(columns.transpose(0, 2, 1), columns)
        self.count += columns.shape[1]

    @property
    def mean(self) -> Moment:
        return self._sum / max(1, self.count)


def second_moments(
    model: onnx.ModelProto, layers: Sequence[Layer], rows: Inputs, bench: Workbench
) -> dict[str, SecondMoments]:
    """One streamed pass: the second moments of every layer's input, by the layer's name."""
    moments = {layer.name: SecondMoments(layer, bench.seed) for layer in layers}
    for values in stream(model, [layer.activation for layer in layers], rows, bench):
        for layer in layers:
            moments[layer.name].add(values[layer.activation])
    return moments
