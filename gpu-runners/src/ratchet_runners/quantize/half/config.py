from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.technique import Cost, Subject, Technique, replaced


class QuantizeHalf(Technique):
    """FP16. On a CPU it halves the file and gains no speed; GPUs compute in it."""

    technique: Literal["quantize-half"] = "quantize-half"
    version: Literal[1] = 1
    scope: Literal["weights", "full"] = Field(
        default="weights",
        description="weights: stored in FP16, turned into FP32 while loading (exactly as fast as before on a CPU); "
        "full: everything is computed in FP16 but inputs and outputs stay as the contract has them (for GPUs)",
    )
    keep: tuple[str, ...] = Field(default=(), description="For full: operators that stay in FP32, e.g. Softmax")

    def after(self, subject: Subject) -> Subject:
        return replaced(subject, "half", size_ratio=0.51)

    def cost(self, subject: Subject) -> Cost:
        return Cost(round(1 + 100 * (subject.macs or subject.weights) / 2e9, 1), 4 * subject.size_bytes + (150 << 20))
