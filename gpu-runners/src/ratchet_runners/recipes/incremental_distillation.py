from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.distil.config import Distil
from ratchet_runners.documents.base import Document
from ratchet_runners.fine_tune.config import FineTune
from ratchet_runners.quantize.static.config import QuantizeStatic


class IncrementalDistillation(Document):
    """Distil a student from a teacher that knows what is new, and quantize it. The teacher is the one that the job
    names, or else the reference after training on what is new. The student starts at the champion where that helps.
    """

    version: Literal[1] = 1
    fine_tune: FineTune = Field(default_factory=FineTune)
    distil: Distil = Field(default_factory=Distil)
    quantize: QuantizeStatic = Field(default_factory=QuantizeStatic)
