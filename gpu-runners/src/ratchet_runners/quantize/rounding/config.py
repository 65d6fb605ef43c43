from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.technique import Cost, Needs, Subject, Technique


class RoundAdaptively(Technique):
    """AdaRound: decides for each weight whether it is rounded up or down, so that its layer's output changes least."""

    NEEDS = Needs(rows=32)
    TAKES = frozenset({"qdq"})

    technique: Literal["round-adaptively"] = "round-adaptively"
    version: Literal[1] = 1
    iterations: int = Field(default=300, ge=0, le=100_000, description="Optimiser steps a layer")
    learning_rate: float = Field(default=0.05, gt=0, le=10, description="Adam's, on the rounding variables")
    regularisation: float = Field(
        default=0.02, ge=0, le=100, description="How strongly variables are driven to 0 or 1, against the squared error"
    )
    polish: int = Field(
        default=4, ge=0, le=100, description="Passes of coordinate descent over the columns after the optimiser"
    )
    damping: float = Field(
        default=0.01,
        gt=0,
        le=1,
        description="Holds weights near their own values, as a share of the inputs' mean power",
    )
    correct_bias: bool = Field(
        default=True, description="Give shifts of a channel's mean to its bias, and round for what varies alone"
    )
    calibration_rows: int = Field(default=512, ge=1, le=65536, description="Rows that layers are reconstructed on")
    minimum_rows: int = Field(default=32, ge=1, description="Below so many usable rows the data are refused")
    replay_share: float = Field(default=0.25, ge=0, le=1, description="Share of older rows, where there are some")
    exclude: tuple[str, ...] = Field(default=(), description="Names of layers that keep their rounding")
    wall_share: float = Field(default=0.5, gt=0, le=1, description="Share of the job's time that the step may take")

    def needs(self) -> Needs:
        return Needs(rows=self.minimum_rows)

    def cost(self, subject: Subject) -> Cost:
        layers = sum(subject.operators.get(name, 0) for name in ("Conv", "Gemm", "MatMul"))
        passes = max(1, layers) * self.calibration_rows * (subject.macs or 10 * subject.weights) / 2e9
        # Each optimiser step multiplies the weight with a square matrix of its inputs, some hundred wide.
        steps = (self.iterations + 4 * self.polish) * subject.weights * 300 / 1e10
        return Cost(round(1 + passes + steps, 1), 8 * subject.size_bytes + (300 << 20))
