"""One streamed pass over real rows. What is held at once is bound by bytes, whatever the model and the method."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from ratchet_runners.data.rows import Inputs
from ratchet_runners.model.scoring import serialise, session_of
from ratchet_runners.quantize.calibration.histogram import Histogram

#: Values of all watched tensors together that may be held at once.
BYTES_AT_ONCE = 256 << 20

Tell = Callable[[float, str], None]


@dataclass
class Observation:
    """What one tensor was seen to hold. Values that are not finite (a mask's minus infinity) are left out."""

    low: float = float("inf")
    high: float = float("-inf")
    #: Lowest and highest value of every batch, in the order of the batches.
    batches: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    #: Empty where the pass counted no values.
    histogram: Histogram = field(default_factory=Histogram)
    #: Values that were left out.
    not_finite: int = 0

    def add(self, values: npt.NDArray[np.float32], counted: bool) -> None:
        """Sees a part of the present batch."""
        finite = np.isfinite(values)
        if not finite.all():
            self.not_finite += int(values.size - finite.sum())
            values = values[finite]
        if not values.size:
            return
        low, high = float(values.min()), float(values.max())
        self.low, self.high = min(self.low, low), max(self.high, high)
        if self.batches:
            self.batches[-1] = (min(self.batches[-1][0], low), max(self.batches[-1][1], high))
        if counted:
            self.histogram.add(values)


Observations = dict[str, Observation]


def observe(
    model: onnx.ModelProto,
    given: str,
    tensors: Sequence[str],
    rows: Inputs,
    batch_size: int,
    counted: bool,
    threads: int,
    tell: Tell,
) -> Observations:
    """Scores `rows` by ONNX Runtime and sees what `tensors` hold; `given` is the name of the model's input.

    `batch_size` is what a batch of the moving average is; fewer rows are scored at once where their values would be
    more than `BYTES_AT_ONCE`. `counted` asks for histograms, which take longer. @throws ModelUnusable
    """
    watched = [name for name in tensors if name != given]
    session = session_of(_watching(model, watched), threads)
    seen: Observations = {name: Observation() for name in tensors}
    at_once = 1
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        for observation in seen.values():
            observation.batches.append((float("inf"), float("-inf")))
        position = 0
        while position < len(batch):
            part = np.ascontiguousarray(batch[position : position + at_once])
            position += len(part)
            values = [np.asarray(value) for value in session.run(watched, {given: part})] if watched else []
            for name, value in zip(watched, values, strict=True):
                seen[name].add(value.astype(np.float32, copy=False), counted)
            if given in seen:
                seen[given].add(part.astype(np.float32, copy=False), counted)
            held = max(1, sum(value.nbytes for value in values) // len(part))
            at_once = max(1, min(batch_size, BYTES_AT_ONCE // held))
        done = min(len(rows), start + batch_size)
        tell(done / len(rows), f"{done} of {len(rows)} rows")
    return {name: observation for name, observation in seen.items() if observation.low <= observation.high}


def float_tensors(model: onnx.ModelProto, nodes: Collection[str]) -> list[str]:
    """The float tensors that these nodes take and give, weights not counted, in the graph's order."""
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


def _watching(model: onnx.ModelProto, tensors: list[str]) -> bytes:
    watching = onnx.ModelProto()
    watching.CopyFrom(model)
    given = {value.name for value in watching.graph.output}
    watching.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in tensors if name not in given
    )
    return serialise(watching)
