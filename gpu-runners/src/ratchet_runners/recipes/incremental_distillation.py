from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.distil.config import Distil
from ratchet_runners.documents.base import Document
from ratchet_runners.fine_tune.config import FineTune
from ratchet_runners.quantize.static.config import QuantizeStatic


class IncrementalDistillation(Document):
    """Train the reference on what is new, distil the student from it, quantize the student."""

    version: Literal[1] = 1
    fine_tune: FineTune = Field(default_factory=FineTune)
    distil: Distil = Field(default_factory=Distil)
    quantize: QuantizeStatic = Field(default_factory=QuantizeStatic)
