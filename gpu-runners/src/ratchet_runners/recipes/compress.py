"""The general recipe: alternatives, each an ordered list of steps; the best that keeps to the objectives wins."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from ratchet_runners.documents.base import Document, Name
from ratchet_runners.evaluate.options import EvaluationOptions
from ratchet_runners.plan.causes import Cause
from ratchet_runners.recipes.techniques import TECHNIQUES

if TYPE_CHECKING:
    from ratchet_runners.technique import Technique

    Step = Technique
else:
    Step = Annotated[reduce(or_, TECHNIQUES), Field(discriminator="technique")]


def _in_catalogue(name: str) -> str:
    from ratchet_runners.plan.catalogue import ALTERNATIVES  # it is made of the techniques, and so of this package

    if name not in ALTERNATIVES:
        raise ValueError(f"is not in the catalogue, which has {', '.join(ALTERNATIVES)}")
    return name


CatalogueName = Annotated[str, AfterValidator(_in_catalogue)]


class Alternative(Document):
    """One way to a candidate, e.g. prune, then quantize, then distil."""

    name: Name
    steps: tuple[Step, ...] = Field(min_length=1, max_length=12)


class Compress(Document):
    """Alternatives in the order in which they are tried; time that runs out ends the search with the best so far.

    Alternatives that are written out must be possible, or the job is refused. Proposed ones that are not possible for
    the model at hand are left out, with the reason.
    """

    version: Literal[1] = 1
    alternatives: tuple[Alternative, ...] = Field(
        default=(), max_length=32, description="Empty: those that `propose` names, or what `plan` proposes for `cause`"
    )
    propose: tuple[CatalogueName, ...] = Field(
        default=(), max_length=32, description="Names of the catalogue, in the order in which they are tried"
    )
    cause: Cause = Field(default="latency", description="What the catalogue is asked for where nothing is named")
    minimum_rows: int = Field(default=64, ge=1, description="Below so many usable rows the data are refused")
    batch_scale: float = Field(
        default=1.0, gt=0, le=1, description="Multiplies the batches of all steps: less after memory ran out"
    )
    evaluation: EvaluationOptions = Field(
        default_factory=lambda: EvaluationOptions(latency_seconds=3.0),
        description="What the final evaluation on held-back rows looks at",
    )
    least_gain: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Share by which latencies must differ to count as different: timings are noisy",
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Compress:
        names = [alternative.name for alternative in self.alternatives]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"alternatives need different names: {', '.join(twice)}")
        return self
