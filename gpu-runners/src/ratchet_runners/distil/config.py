from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.technique import Cost, Needs, Subject, Technique


class Distil(Technique):
    """Soft targets of the teacher on fresh rows, labelled or not, and on older ones."""

    NEEDS = Needs(torch=True, rows=64)
    TAKES = frozenset({"float", "qdq"})

    technique: Literal["distil"] = "distil"
    version: Literal[1] = 1
    student: Literal["reference", "teacher"] = Field(
        default="reference", description="Weights that the student starts from: the old reference's or the teacher's"
    )
    minimum_rows: int = Field(default=64, ge=8)
    epochs: int = Field(default=5, ge=1, le=1000)
    batch_size: int = Field(default=32, ge=1, le=4096)
    learning_rate: float = Field(default=4e-3, gt=0, le=1)
    temperature: float = Field(default=3.0, ge=1, le=20)
    alpha: float = Field(default=0.9, ge=0, le=1, description="Weight of the soft targets where a row has a label")
    replay_share: float = Field(default=0.25, ge=0, lt=1, description="Largest share of older rows in an epoch")
    patience: int = Field(default=2, ge=1, description="Epochs without gain on the selection rows before it stops")
    wall_share: float = Field(default=0.45, gt=0, le=1, description="Largest share of the job's time limit")
    minimum_teacher_accuracy: float | None = Field(
        default=None, ge=0, le=1, description="Below it the teacher is refused; by default half again chance"
    )

    def cost(self, subject: Subject) -> Cost:
        seconds = 2 + self.epochs * subject.rows * (subject.macs or 10 * subject.weights) * 3 / 1e10
        return Cost(round(seconds, 1), 20 * subject.size_bytes + (1 << 30))
