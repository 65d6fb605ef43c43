from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.technique import Cost, Needs, Subject, Technique


class FineTune(Technique):
    """Incremental training on fresh labelled rows, with older ones mixed in against forgetting."""

    NEEDS = Needs(torch=True, labels=True, rows=64)

    technique: Literal["fine-tune"] = "fine-tune"
    version: Literal[1] = 1
    minimum_labelled: int = Field(default=64, ge=8, description="Below so many labelled fresh rows it is refused")
    epochs: int = Field(default=6, ge=1, le=1000)
    batch_size: int = Field(default=64, ge=1, le=4096)
    learning_rate: float = Field(default=4e-3, gt=0, le=1)
    weight_decay: float = Field(default=1e-4, ge=0, le=1)
    replay_share: float = Field(default=0.25, ge=0, lt=1, description="Largest share of older rows in an epoch")
    augmentation: bool = Field(default=False, description="Shift images by up to two pixels while training")
    patience: int = Field(default=2, ge=1, description="Epochs without gain on the selection rows before it stops")
    wall_share: float = Field(default=0.45, gt=0, le=1, description="Largest share of the job's time limit")

    def cost(self, subject: Subject) -> Cost:
        seconds = 2 + self.epochs * subject.labelled * (subject.macs or 10 * subject.weights) * 3 / 1e10
        return Cost(round(seconds, 1), 20 * subject.size_bytes + (1 << 30))
