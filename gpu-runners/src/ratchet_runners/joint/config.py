from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.quantize.aware.config import FakeQuantized, QuantizeAware, training_cost
from ratchet_runners.technique import Cost, Needs, Subject, Technique, replaced


class Joint(Technique):
    """Pruning, fake quantization and distillation in one loop.

    Every round removes a share of the channels, places Q/DQ pairs anew with the ranges that training has found, and
    trains with fake quantization towards the teacher. What goes next is chosen on weights that know their rounding.
    """

    NEEDS = Needs(torch=True, rows=64)
    TAKES = frozenset({"float"})

    technique: Literal["joint"] = "joint"
    version: Literal[1] = 1
    ratio: float = Field(default=0.5, gt=0, lt=1, description="Share of all channels that goes in the end")
    rounds: int = Field(default=3, ge=1, le=20)
    importance: Literal["taylor", "magnitude"] = "taylor"
    importance_rows: int = Field(default=256, ge=8, le=65536)
    repair_rows: int = Field(
        default=256, ge=0, le=65536, description="Rows on which moments are matched after each removal; 0: not at all"
    )
    minimum_width: int = Field(default=8, ge=1, description="Channels or features that every layer keeps")
    width_multiple: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Convolutions' widths; by default what the serving kernels take at a time",
    )
    final_share: float = Field(
        default=0.6, gt=0, le=1, description="Share of the steps and the time that the last round has for itself"
    )
    quantize: QuantizeAware = Field(
        default_factory=lambda: QuantizeAware(training=FakeQuantized(steps=600)),
        description="Widths, calibration and training; the steps are those of all rounds together",
    )

    def after(self, subject: Subject) -> Subject:
        kept = (1 - self.ratio) ** 1.8
        bits = 0.15 if self.quantize.bits == 4 else 0.27
        return replaced(subject, "qdq", size_ratio=kept * bits, work_ratio=0.4 * kept)

    def cost(self, subject: Subject) -> Cost:
        trained = training_cost(self.quantize.training, self.quantize.calibration_rows, subject)
        scored = self.rounds * (3 * self.importance_rows + 10 * self.repair_rows)
        return Cost(
            round(trained.seconds + self.rounds + scored * (subject.macs or 10 * subject.weights) / 1e10, 1),
            trained.peak_bytes,
        )

    def objections(self, subject: Subject) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*super().objections(subject), *self.quantize.objections(subject))))
