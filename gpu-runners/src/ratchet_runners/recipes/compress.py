"""The general recipe: alternatives, each an ordered list of steps; the best that keeps to the objectives wins."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ratchet_runners.documents.base import Document, Name
from ratchet_runners.recipes.techniques import TECHNIQUES

if TYPE_CHECKING:
    from ratchet_runners.technique import Technique

    Step = Technique
else:
    Step = Annotated[reduce(or_, TECHNIQUES), Field(discriminator="technique")]


class Alternative(Document):
    """One way to a candidate, e.g. prune, then quantize, then distil."""

    name: Name
    steps: tuple[Step, ...] = Field(min_length=1, max_length=12)


class Compress(Document):
    """Alternatives in the order in which they are tried; time that runs out ends the search with the best so far."""

    version: Literal[1] = 1
    alternatives: tuple[Alternative, ...] = Field(
        default=(), max_length=32, description="Empty: what `plan` proposes for this model, data and hardware"
    )
