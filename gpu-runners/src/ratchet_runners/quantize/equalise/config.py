from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.technique import Cost, Subject, Technique


class Equalise(Technique):
    """Cross-layer equalisation: the channels between two layers are scaled so that both weights use their range evenly.

    The model stays in floating point and answers the same; one scale a weight then loses less. It needs no data.
    """

    technique: Literal["equalise"] = "equalise"
    version: Literal[1] = 1
    iterations: int = Field(default=20, ge=1, le=1000, description="Passes over all pairs, at most")
    largest_factor: float = Field(
        default=1e3, gt=1, le=1e6, description="No channel is scaled by more than this, or by less than its inverse"
    )

    def cost(self, subject: Subject) -> Cost:
        return Cost(round(0.5 + subject.weights * self.iterations / 5e7, 1), 4 * subject.size_bytes + (100 << 20))

    def objections(self, subject: Subject) -> tuple[str, ...]:
        found = super().objections(subject)
        if subject.operators.get("Conv", 0) + subject.operators.get("Gemm", 0) < 2:
            found += ("equalising takes two convolutions or Gemm nodes in a row",)
        return found
