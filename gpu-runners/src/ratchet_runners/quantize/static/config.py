from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.technique import Cost, Needs, Subject, Technique, replaced


class QuantizeStatic(Technique):
    """Static quantization: unsigned activations, signed weights, Q/DQ pairs where ONNX Runtime places them."""

    NEEDS = Needs(rows=32)

    technique: Literal["quantize-static"] = "quantize-static"
    version: Literal[1] = 1
    calibration_rows: int = Field(default=512, ge=1, le=65536, description="Rows that the ranges are taken from")
    batch_size: int = Field(
        default=32, ge=1, le=4096, description="Rows that are scored at once; what is held beside the model grows"
    )
    minimum_rows: int = Field(default=32, ge=1, description="Below so many usable rows the data are refused")
    method: Literal["min-max", "percentile", "ema"] = Field(
        default="min-max", description="How a tensor's range follows from what was seen of it"
    )
    percentile: float = Field(default=99.99, gt=50, le=100, description="For method percentile: share kept within")
    averaging: float = Field(default=0.9, gt=0, lt=1, description="For method ema: weight of what was seen before")
    per_channel: bool = Field(default=False, description="One scale a channel of a weight instead of one a weight")
    replay_share: float = Field(default=0.25, ge=0, le=1, description="Share of older rows, where there are some")
    replay_widening: float = Field(
        default=4.0, ge=1, le=1e6, description="Older rows widen a range that fresh rows gave at most by this factor"
    )
    exclude_sensitive: int = Field(
        default=0, ge=0, le=1024, description="So many nodes stay in floating point: those that lose most"
    )
    sensitivity_rows: int = Field(default=96, ge=1, le=4096, description="Rows that the sensitivity is measured on")

    def after(self, subject: Subject) -> Subject:
        return replaced(subject, "qdq", size_ratio=0.27, work_ratio=0.4)

    def cost(self, subject: Subject) -> Cost:
        passes = self.calibration_rows + (self.sensitivity_rows * 20 if self.exclude_sensitive else 0)
        seconds = 1 + passes * (subject.macs or 10 * subject.weights) / 2e9
        return Cost(round(seconds, 1), 6 * subject.size_bytes + (200 << 20))
