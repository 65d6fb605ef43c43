from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.quantize.calibration.config import Calibrating
from ratchet_runners.technique import Cost, Subject, replaced


class QuantizeStatic(Calibrating):
    """Static quantization: integers for activations and weights, Q/DQ pairs where ONNX Runtime places them."""

    technique: Literal["quantize-static"] = "quantize-static"
    version: Literal[1] = 1
    scope: Literal["full", "weights", "activations"] = Field(
        default="full",
        description="weights: stored as integers, multiplied as floats (smaller, as fast as before); activations: "
        "rounded to eight bits between float weights (neither smaller nor faster: shows where a loss comes from)",
    )
    weight_bits: Literal[8, 4] = Field(default=8, description="Bits of a weight; four need operator set 21")
    per_channel: bool = Field(
        default=False,
        description="One scale a channel of a weight instead of one a weight; stored weights always have that",
    )
    weight_method: Literal["min-max", "mean-squared-error"] | None = Field(
        default=None, description="How a weight's scale is found; by default with the least squared error at four bits"
    )
    weight_symmetry: Literal["symmetric", "asymmetric"] = Field(
        default="symmetric", description="asymmetric: eight bits and one scale a weight only"
    )
    activation_symmetry: Literal["auto", "symmetric", "asymmetric"] = Field(
        default="auto",
        description="auto: asymmetric where the hardware multiplies unsigned activations, else symmetric",
    )
    pins: tuple[str, ...] = Field(
        default=(), description="Nodes that stay in floating point, by name or as attention, feed-forward, first, last"
    )
    pinned_as: Literal["float", "half"] = Field(
        default="float", description="half: weights of pinned nodes are stored in FP16 and multiplied as floats"
    )
    rest: Literal["float", "stored"] = Field(
        default="stored",
        description="stored: weights that no eight-bit product takes (recurrent ones, convolutions over few channels) "
        "are kept as integers and multiplied as floats",
    )
    exclude_sensitive: int = Field(
        default=0, ge=0, le=1024, description="So many nodes stay in floating point: those that lose most"
    )
    sensitivity_rows: int = Field(default=96, ge=1, le=4096, description="Rows that the sensitivity is measured on")
    allow_tiny: bool | None = Field(
        default=None,
        description="Whether a model may result that is slower than its original because it is so small; "
        "by default only where the objectives cap no latency",
    )

    def after(self, subject: Subject) -> Subject:
        if self.scope == "activations":
            return replaced(subject, "qdq", work_ratio=1.1)
        if self.scope == "weights":
            return replaced(subject, "weights", size_ratio=0.15 if self.weight_bits == 4 else 0.27)
        return replaced(subject, "qdq", size_ratio=0.15 if self.weight_bits == 4 else 0.27, work_ratio=0.4)

    def cost(self, subject: Subject) -> Cost:
        passes = 0 if self.scope == "weights" else self.calibration_rows
        passes += self.sensitivity_rows * 20 if self.exclude_sensitive else 0
        counting = 1 if self.method in ("min-max", "ema") else 3
        seconds = 1 + counting * passes * (subject.macs or 10 * subject.weights) / 2e9
        return Cost(round(seconds, 1), 6 * subject.size_bytes + (200 << 20))

    def objections(self, subject: Subject) -> tuple[str, ...]:
        found = list(super().objections(subject))
        if self.weight_symmetry == "asymmetric" and (self.per_channel or self.weight_bits == 4):
            found.append("asymmetric weights have eight bits and one scale a weight: set perChannel and weightBits so")
        return tuple(found)
