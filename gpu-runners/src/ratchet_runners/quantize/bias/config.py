from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.technique import Cost, Needs, Subject, Technique


class CorrectBias(Technique):
    """Takes the shift of each channel's mean, which rounded weights and inputs give it, out of the bias."""

    NEEDS = Needs(rows=32)
    TAKES = frozenset({"qdq"})

    technique: Literal["correct-bias"] = "correct-bias"
    version: Literal[1] = 1
    order: Literal["in-turn", "at-once"] = Field(
        default="in-turn",
        description="in-turn: each layer is measured after those before it were corrected; at-once: all in one pass, "
        "faster and less exact",
    )
    calibration_rows: int = Field(default=512, ge=1, le=65536, description="Rows that means are taken of")
    minimum_rows: int = Field(default=32, ge=1, description="Below so many usable rows the data are refused")
    replay_share: float = Field(default=0.25, ge=0, le=1, description="Share of older rows, where there are some")
    wall_share: float = Field(default=0.3, gt=0, le=1, description="Share of the job's time that the step may take")

    def needs(self) -> Needs:
        return Needs(rows=self.minimum_rows)

    def cost(self, subject: Subject) -> Cost:
        layers = sum(subject.operators.get(name, 0) for name in ("Conv", "Gemm", "MatMul"))
        passes = 2 + (layers / 2 if self.order == "in-turn" else 0)
        seconds = 1 + passes * self.calibration_rows * (subject.macs or 10 * subject.weights) / 2e9
        return Cost(round(seconds, 1), 6 * subject.size_bytes + (200 << 20))
