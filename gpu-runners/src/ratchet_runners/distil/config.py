"""Distillation of a student from a teacher: soft targets, features, attention, relations."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from ratchet_runners.documents.base import Document
from ratchet_runners.technique import Cost, Needs, Subject, Technique


class Pair(Document):
    """A tensor of the student that is to become like a tensor of the teacher; names as they stand in the graphs."""

    student: str = Field(min_length=1)
    teacher: str = Field(min_length=1)


class FeatureTerm(Document):
    """Hints (Romero and others 2015): tensors inside the student follow tensors inside the teacher."""

    weight: float = Field(default=1.0, gt=0, le=1000)
    pairs: tuple[Pair, ...] = Field(
        default=(), max_length=32, description="Empty: tensors that the whole graph runs through, by shape and depth"
    )
    count: int = Field(default=3, ge=1, le=32, description="How many pairs are looked for where none is named")


class AttentionTerm(Document):
    """Attention transfer: spatial maps of convolutions, or the probabilities of attention heads."""

    weight: float = Field(default=1.0, gt=0, le=10000)
    kind: Literal["auto", "maps", "probabilities"] = Field(
        default="auto", description="auto: probabilities where both graphs have attention, else maps"
    )
    pairs: tuple[Pair, ...] = Field(default=(), max_length=32)
    count: int = Field(default=3, ge=1, le=32)


class RelationTerm(Document):
    """How rows of a batch lie to each other: distances and angles (RKD), or similarities."""

    weight: float = Field(default=1.0, gt=0, le=10000)
    kind: Literal["distance-angle", "similarity"] = "distance-angle"
    angle_share: float = Field(
        default=2 / 3, ge=0, le=1, description="Share of angles against distances; Park and others take 50 : 25"
    )
    pairs: tuple[Pair, ...] = Field(default=(), max_length=32, description="Empty: the last tensors before the answer")


class Derivation(Document):
    """A smaller student out of the source's own graph."""

    depth: float = Field(default=0.5, gt=0, le=1, description="Share of the residual blocks that stay")
    width: float | None = Field(
        default=None, gt=0, lt=1, description="Share of the channels and hidden units that stay; by structured pruning"
    )
    rows: int = Field(default=256, ge=8, description="Rows on which the effect of leaving out a block is measured")


class Distil(Technique):
    """Soft targets of the teacher on fresh rows, labelled or not, and on older ones."""

    NEEDS = Needs(torch=True, rows=64)
    TAKES = frozenset({"float", "qdq"})

    technique: Literal["distil"] = "distil"
    version: Literal[1] = 1
    student: Literal["incoming", "reference", "teacher", "given", "derived"] = Field(
        default="incoming",
        description="What the student starts as: the model that comes in (e.g. pruned), the source before compression, "
        "the teacher, the student that the job names, or a smaller graph derived from the source",
    )
    derivation: Derivation = Field(default_factory=Derivation)
    minimum_rows: int = Field(default=64, ge=8)
    epochs: int = Field(default=5, ge=1, le=1000)
    batch_size: int = Field(default=32, ge=1, le=4096)
    learning_rate: float = Field(default=4e-3, gt=0, le=1)
    temperature: float = Field(default=3.0, ge=1, le=20)
    alpha: float = Field(default=0.9, ge=0, le=1, description="Weight of the soft targets where a row has a label")
    soft_weight: float = Field(default=1.0, ge=0, le=1000, description="Weight of answers against the terms below")
    features: FeatureTerm | None = None
    attention: AttentionTerm | None = None
    relations: RelationTerm | None = None
    augmentation: Literal["none", "shift", "noise"] = Field(
        default="none",
        description="shift: images by up to two pixels; noise: a tenth of each input's spread. The teacher is asked "
        "about the changed rows",
    )
    replay_share: float = Field(default=0.25, ge=0, lt=1, description="Largest share of older rows in an epoch")
    patience: int = Field(default=2, ge=1, description="Epochs without gain on the selection rows before it stops")
    wall_share: float = Field(default=0.45, gt=0, le=1, description="Largest share of the job's time limit")
    trial: Literal["auto", "always", "never"] = Field(
        default="auto", description="Whether the teacher must prove itself first; auto: unless it is the source itself"
    )
    minimum_teacher_accuracy: float | None = Field(
        default=None, ge=0, le=1, description="Below it the teacher is refused; by default half again chance"
    )
    largest_expected_loss: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Without labels: accuracy that the teacher may be expected to lose on fresh rows",
    )

    def after(self, subject: Subject) -> Subject:
        if self.student == "incoming":
            return subject
        if self.student != "derived":
            return replace(subject, form="float")
        width = self.derivation.width or 1.0
        share = self.derivation.depth * width * width
        return replace(
            subject,
            form="float",
            size_bytes=max(1, round(subject.size_bytes * share)),
            weights=max(1, round(subject.weights * share)),
            macs=None if subject.macs is None else round(subject.macs * share),
        )

    def cost(self, subject: Subject) -> Cost:
        taps = any(term is not None for term in (self.features, self.attention, self.relations))
        passes = 4 if taps or self.augmentation != "none" else 3
        seconds = 2 + self.epochs * subject.rows * (subject.macs or 10 * subject.weights) * passes / 1e10
        return Cost(round(seconds, 1), 20 * subject.size_bytes + (1 << 30))
