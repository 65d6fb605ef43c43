from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.technique import Cost, Subject, Technique


class PruneWeights(Technique):
    """Unstructured pruning by magnitude. No faster and no smaller as it is: only a compressed file is smaller."""

    TAKES = frozenset({"float", "half"})

    technique: Literal["prune-weights"] = "prune-weights"
    version: Literal[1] = 1
    ratio: float = Field(default=0.5, gt=0, lt=1, description="Share of the weights of layers that become zero")
    ranking: Literal["layer", "global"] = Field(
        default="layer",
        description="layer: each loses the same share; global: the smallest of all, whatever their layer",
    )
    pattern: Literal["none", "2:4"] = Field(
        default="none",
        description="2:4: of every four weights that a layer sums in a row the two smallest become zero (GPUs with "
        "sparse tensor cores use that; ratio does not count)",
    )
    skip_layers: tuple[str, ...] = Field(default=(), description="Names of nodes whose weights all stay")

    def cost(self, subject: Subject) -> Cost:
        return Cost(round(1 + subject.weights / 2e7, 1), 4 * subject.size_bytes + (200 << 20))
