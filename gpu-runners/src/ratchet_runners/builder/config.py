"""A student that a builder makes, trained as a torch module and exported to ONNX."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import Field, model_validator

from ratchet_runners.distil.config import Distil
from ratchet_runners.technique import Cost, Needs, Subject, Technique

#: What the extra [builder] installs.
PACKAGES = ("safetensors", "onnxscript")


class BuilderStudent(Technique):
    """The job's builder called with other arguments, taught as by `distil`, with its batch normalisation at work."""

    NEEDS = Needs(torch=True, builder=True, rows=64)

    technique: Literal["builder-student"] = "builder-student"
    version: Literal[1] = 1
    arguments: dict[str, Any] = Field(
        default_factory=dict,
        description="Override those of the job's builder, e.g. a smaller width; empty: the same architecture",
    )
    initialise: Literal["weights", "sliced", "anew"] = Field(
        default="weights",
        description="weights: the job's, which must fit; sliced: the leading part of each that is larger; anew: none",
    )
    distil: Distil = Field(default_factory=Distil, description="How it is taught; its `student` has no meaning here")

    @model_validator(mode="after")
    def _only_answers_are_compared(self) -> BuilderStudent:
        if self.distil.features or self.distil.attention or self.distil.relations:
            raise ValueError(
                "a module that a builder makes has no named tensors: leave out the terms that compare them"
            )
        return self

    def after(self, subject: Subject) -> Subject:
        return replace(subject, form="float", untrainable=())

    def cost(self, subject: Subject) -> Cost:
        taught = self.distil.cost(subject)
        return Cost(round(taught.seconds + 15, 1), taught.peak_bytes)

    def objections(self, subject: Subject) -> tuple[str, ...]:
        missing = [name for name in PACKAGES if name not in subject.installed]
        found = super().objections(subject)
        if not missing:
            return found
        return (*found, f"it needs {' and '.join(missing)}: install the package with its extra [builder]")
