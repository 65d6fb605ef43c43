from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.documents.base import Document
from ratchet_runners.quantize.calibration.config import Calibrating
from ratchet_runners.technique import Cost, Needs, Subject, replaced

#: Bits of a node's weights, or that the node stays in floating point.
Width = Literal[4, 8, "float"]


class FakeQuantized(Document):
    """How a graph with Q/DQ pairs is trained; shared by the steps that do so."""

    scales: Literal["learned", "ema", "fixed"] = Field(
        default="learned",
        description="learned: by gradient (LSQ); ema: activations' follow a moving average of what is seen; fixed",
    )
    averaging: float = Field(
        default=0.99,
        gt=0,
        lt=1,
        description="Weight of what was seen before, for scales that follow a moving average: 0.9 for a few dozen "
        "steps, 0.999 for thousands",
    )
    warm_up: float = Field(
        default=0.0, ge=0, le=1, description="Share of the steps in which learned activation scales follow the average"
    )
    gradient_compensation: Literal["off", "fixed", "adaptive"] = Field(
        default="off",
        description="Correction of the straight-through gradient by the error of rounding: with one strength for all, "
        "or by an estimate of the curvature a tensor and step",
    )
    compensation_strength: float = Field(default=0.1, ge=0, le=10)
    progressive_widths: tuple[Literal[8, 7, 6, 5], ...] = Field(
        default=(), max_length=4, description="Bits that narrower weights are trained at first, e.g. 8, 6"
    )
    progressive_share: float = Field(default=0.5, gt=0, lt=1, description="Share of the steps spent at those widths")
    steps: int = Field(default=300, ge=1, le=1_000_000)
    evaluate_every: int = Field(default=50, ge=1, description="Steps after which the selection rows are asked")
    training_batch: int = Field(default=64, ge=1, le=4096)
    learning_rate: float = Field(default=5e-4, gt=0, le=1)
    quantizer_learning_rate: float = Field(
        default=1e-3, gt=0, le=1, description="Rate of the scales; it counts on their logarithm"
    )
    quantizer_gradient_norm: float = Field(
        default=1.0, gt=0, le=1000, description="Largest norm of the scales' gradient, clipped apart from the weights'"
    )
    temperature: float = Field(default=2.0, ge=1, le=20)
    alpha: float = Field(default=0.9, ge=0, le=1, description="Weight of the soft targets where a row has a label")
    patience: int = Field(default=4, ge=1, description="Evaluations without gain before it stops")
    wall_share: float = Field(default=0.6, gt=0, le=1, description="Largest share of the job's time limit")


class QuantizeAware(Calibrating):
    """Quantization-aware training of the very Q/DQ graph that will be served, towards the source's answers."""

    NEEDS = Needs(torch=True, rows=64)
    TAKES = frozenset({"float", "qdq"})

    technique: Literal["quantize-aware"] = "quantize-aware"
    version: Literal[1] = 1
    minimum_rows: int = Field(default=64, ge=8, description="Below so many usable rows the data are refused")
    bits: Literal[8, 4] = Field(default=8, description="Bits of a weight; four need operator set 21")
    per_channel: bool = Field(default=False, description="One scale a channel of a weight instead of one a weight")
    ends: Literal["same", 8, "float"] = Field(
        default=8, description="Width of the first and the last weighted node; same: as all others"
    )
    widths: dict[str, Width] = Field(
        default_factory=dict,
        description="Width by node name, or by part: attention, feed-forward, first, last; a name goes before a part",
    )
    training: FakeQuantized = Field(default_factory=FakeQuantized)

    def after(self, subject: Subject) -> Subject:
        if subject.form == "qdq":
            return subject
        return replaced(subject, "qdq", size_ratio=0.15 if self.bits == 4 else 0.27, work_ratio=0.4)

    def cost(self, subject: Subject) -> Cost:
        return training_cost(self.training, self.calibration_rows, subject)

    def objections(self, subject: Subject) -> tuple[str, ...]:
        found = list(super().objections(subject))
        if self.training.progressive_widths and not (self.bits == 4 or 4 in self.widths.values()):
            found.append("progressive widths end at four bits: set bits to 4, or leave progressiveWidths empty")
        if list(self.training.progressive_widths) != sorted(self.training.progressive_widths, reverse=True):
            found.append("progressive widths must fall")
        if subject.form == "qdq" and (self.bits == 4 or self.widths):
            found.append("the model has its widths already: bits and widths count where this step places the pairs")
        return tuple(found)


def training_cost(training: FakeQuantized, calibration_rows: int, subject: Subject) -> Cost:
    """Forward and backward cost three forwards; fake quantization about doubles that; scoring comes on top."""
    rows = training.steps * training.training_batch * 6 + calibration_rows
    rows += training.steps // training.evaluate_every * min(1024, subject.rows // 8) * 2
    seconds = 3 + rows * (subject.macs or 10 * subject.weights) / 1e10
    return Cost(round(seconds, 1), 30 * subject.size_bytes + (1 << 30))
