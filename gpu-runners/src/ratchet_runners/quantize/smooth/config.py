from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.technique import Cost, Needs, Subject, Technique


class Smooth(Technique):
    """SmoothQuant: the outlying channels of an activation are made smaller, and the weights that meet them larger.

    The model stays in floating point and answers the same; a quantization that follows loses less.
    """

    NEEDS = Needs(rows=32)

    technique: Literal["smooth"] = "smooth"
    version: Literal[1] = 1
    alpha: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="How much of the difficulty moves into the weights (1: all); null: what loses least",
    )
    insert: bool = Field(
        default=True, description="Insert a multiplication where no constant before the product can take the factors"
    )
    minimum_gain: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Where alpha is null: below this share of the error a product stays as it is",
    )
    per_channel: bool = Field(default=False, description="Weights will have one scale an output channel")
    weight_bits: Literal[4, 8] = Field(default=8, description="Bits that the weights will have")
    calibration_rows: int = Field(default=256, ge=1, le=65536, description="Rows that channels are measured on")
    minimum_rows: int = Field(default=32, ge=1, description="Below so many usable rows the data are refused")
    replay_share: float = Field(default=0.25, ge=0, le=1, description="Share of older rows, where there are some")

    def needs(self) -> Needs:
        return Needs(rows=self.minimum_rows)

    def cost(self, subject: Subject) -> Cost:
        passes = self.calibration_rows * (subject.macs or 10 * subject.weights) / 2e9
        return Cost(round(1 + passes + subject.weights / 1e6, 1), 6 * subject.size_bytes + (200 << 20))

    def objections(self, subject: Subject) -> tuple[str, ...]:
        found = super().objections(subject)
        if not subject.operators.get("MatMul") and not subject.operators.get("Gemm"):
            found += ("the model has no matrix product (MatMul, Gemm) whose input could be smoothed",)
        return found
