"""What every step gets beside its configuration and the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import onnx

from ratchet_runners.data.rows import Rows
from ratchet_runners.data.split import Split
from ratchet_runners.documents.job import ModelContract

#: Takes the step's name, how much of the step is done (0..1) and a message.
Tell = Callable[[str, float, str], None]


@dataclass(frozen=True)
class Workbench:
    contract: ModelContract
    rows: Rows
    split: Split
    seed: int
    threads: int
    tell: Tell
    #: On the scale of `time.monotonic()`: nothing may run longer.
    deadline: float
    #: Seconds that the whole job has.
    wall_seconds: float
    #: Models that a step may need beside its own, e.g. `teacher`.
    models: Mapping[str, onnx.ModelProto] = field(default_factory=dict[str, onnx.ModelProto])

    def seconds_left(self, wall_share: float) -> float:
        """Time that a step may take which was given this share of the job; some is kept back for what follows."""
        reserve = min(5.0, 0.1 * self.wall_seconds)
        return max(0.0, min(wall_share * self.wall_seconds, self.deadline - time.monotonic() - reserve))
