"""Why a model is to be compressed: what the order of alternatives follows."""

from __future__ import annotations

from typing import Literal, get_args

Cause = Literal["latency", "size", "no-compressed-champion", "compression-damage", "world-changed"]
CAUSES: tuple[Cause, ...] = get_args(Cause)
