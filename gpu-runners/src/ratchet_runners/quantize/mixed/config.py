from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.quantize.calibration.config import Calibrating
from ratchet_runners.technique import Cost, Subject, replaced


class QuantizeMixed(Calibrating):
    """A width for every layer: as few bits as the largest loss of the objectives allows, by measured sensitivity."""

    technique: Literal["quantize-mixed"] = "quantize-mixed"
    version: Literal[1] = 1
    widths: tuple[Literal[4, 8, 16, 32], ...] = Field(
        default=(4, 8, 16),
        min_length=1,
        description="Bits that a layer may have. 4 and 8: integer products; 16: weights stored in FP16; 32: untouched",
    )
    per_channel: bool = Field(default=True, description="One scale a channel of a weight instead of one a weight")
    pins: tuple[str, ...] = Field(
        default=(),
        description="Nodes that get the widest of `widths`: by name, or attention, feed-forward, first, last",
    )
    maximum_loss: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Largest share of answers that may differ; by default the objectives' loss",
    )
    sensitivity_rows: int = Field(default=128, ge=1, le=4096, description="Rows that the sensitivity is measured on")
    selection_rows: int = Field(default=1024, ge=16, le=65536, description="Rows that decide between mixtures")
    rest: Literal["float", "stored"] = Field(
        default="stored",
        description="stored: other weights (recurrent ones, convolutions over few channels) are kept as integers and "
        "multiplied as floats",
    )

    def after(self, subject: Subject) -> Subject:
        return replaced(subject, "qdq", size_ratio=0.24 if min(self.widths) == 4 else 0.3, work_ratio=0.45)

    def cost(self, subject: Subject) -> Cost:
        layers = min(60, sum(subject.operators.get(name, 0) for name in ("Conv", "MatMul", "Gemm")))
        measured = self.sensitivity_rows * layers * sum(width < 16 for width in self.widths)
        passes = self.calibration_rows + measured + 10 * min(self.selection_rows, subject.rows // 8)
        seconds = 2 + passes * (subject.macs or 10 * subject.weights) / 2e9
        return Cost(round(seconds, 1), 8 * subject.size_bytes + (250 << 20))

    def objections(self, subject: Subject) -> tuple[str, ...]:
        found = list(super().objections(subject))
        if not any(subject.operators.get(name) for name in ("Conv", "MatMul", "Gemm")):
            found.append("the model has no convolution or matrix product whose weights could have fewer bits")
        return tuple(found)
