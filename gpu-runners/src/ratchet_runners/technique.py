"""What every technique declares before anything runs: its needs, what it takes and leaves, its cost, its objections.

Light: no numpy, no onnx, no torch. The control plane asks for plans a thousand times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from ratchet_runners.documents.base import Document

#: How a model holds its numbers. `float`: FP32 throughout. `qdq`: Q/DQ pairs around integers, activations included.
#: `weights`: only weights have fewer bits, activations are float (blocks, row-wise tables, codebooks).
#: `dynamic`: integer products whose activation scales are found while serving. `half`: FP16.
Form = Literal["float", "qdq", "weights", "dynamic", "half"]


@dataclass(frozen=True)
class HardwareProfile:
    """What decides the form of a compressed model on the machine that will serve it."""

    name: str
    #: Names as the kernel spells them, e.g. `avx512_vnni`; empty where it does not tell.
    features: frozenset[str]
    #: Channels that a convolution's kernels take at a time: widths are rounded to a multiple of it.
    channel_block: int
    #: Whether activations are quantized to unsigned integers: on x86 signed ones run 2-3 times slower.
    unsigned_activations: bool
    #: Whether eight-bit weights must keep to seven bits, or sums of products overflow 16 bits (x86 before VNNI).
    reduce_range: bool


@dataclass(frozen=True)
class Subject:
    """All that is known of a job before it runs; a step's `after` says what is expected of it for the next step."""

    form: Form
    size_bytes: int
    #: Numbers in constant float tensors.
    weights: int
    #: Multiply-accumulate operations for one row; None where shapes do not tell.
    macs: int | None
    #: How often each operator occurs, by name, e.g. {"Conv": 5}; other domains as `domain::Name`.
    operators: Mapping[str, int]
    #: Operators that the graph engine cannot train.
    untrainable: tuple[str, ...]
    classification: bool
    rows: int
    labelled: int
    replay: int
    #: Whether the job names a teacher beside the reference.
    teacher: bool
    builder: bool
    threads: int
    hardware: HardwareProfile
    #: Importable optional packages, e.g. {"torch"}.
    installed: frozenset[str] = field(default_factory=frozenset[str])
    gpu: bool = False


@dataclass(frozen=True)
class Cost:
    """What a step is expected to take. An estimate: reports carry what it really took."""

    seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Needs:
    torch: bool = False
    labels: bool = False
    teacher: bool = False
    gpu: bool = False
    builder: bool = False
    #: Rows below which the step refuses.
    rows: int = 0


class Technique(Document):
    """The configuration of one step of a recipe.

    A subclass has the fields `technique: Literal["name"]` and `version: Literal[n]`, both with defaults, lives in the
    `config.py` of the technique's folder, and is listed in `recipes/techniques.py`.
    """

    NEEDS: ClassVar[Needs] = Needs()
    #: Forms of a model that the step can work on.
    TAKES: ClassVar[frozenset[Form]] = frozenset({"float"})

    def needs(self) -> Needs:
        """What this configuration needs; where a setting changes it, a subclass says so."""
        return self.NEEDS

    def after(self, subject: Subject) -> Subject:
        """What the step is expected to make of its subject; unchanged by default."""
        return subject

    def cost(self, subject: Subject) -> Cost:
        """Seconds and bytes that the step is expected to take on this subject."""
        raise NotImplementedError(type(self).__name__)

    def objections(self, subject: Subject) -> tuple[str, ...]:
        """Why the step cannot work on this subject, each a sentence that a person can act on; none if it can.

        A subclass adds its own to `super().objections(subject)`.
        """
        return tuple(_objections(self.needs(), self.TAKES, subject))


def _objections(needs: Needs, takes: frozenset[Form], subject: Subject) -> list[str]:
    found: list[str] = []
    if subject.form not in takes:
        found.append(f"it takes a model of form {' or '.join(sorted(takes))}, and here the model is {subject.form}")
    if needs.torch and "torch" not in subject.installed:
        found.append("it needs torch: install the package with its extra [train]")
    if needs.torch and subject.untrainable and not needs.builder:
        found.append(f"the graph engine does not know {', '.join(subject.untrainable)}; post-training steps still work")
    if needs.labels and not subject.labelled:
        found.append("it needs labelled rows, and no row has a label")
    if needs.teacher and not subject.teacher:
        found.append("it needs a teacher, and the job names none")
    if needs.gpu and not subject.gpu:
        found.append("it needs a GPU, and none is visible")
    if needs.builder and not subject.builder:
        found.append("it needs a builder, and the job names none")
    if subject.rows < needs.rows:
        found.append(f"it needs at least {needs.rows} rows, and there are {subject.rows}")
    return found


def replaced(subject: Subject, form: Form, size_ratio: float = 1.0, work_ratio: float = 1.0) -> Subject:
    """The subject in another form, with its bytes and its work multiplied."""
    return replace(
        subject,
        form=form,
        size_bytes=max(1, round(subject.size_bytes * size_ratio)),
        macs=None if subject.macs is None else round(subject.macs * work_ratio),
    )
