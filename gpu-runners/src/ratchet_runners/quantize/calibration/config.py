from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.technique import Needs, Technique

MethodName = Literal["min-max", "ema", "percentile", "entropy", "mean-squared-error"]


class Calibrating(Technique):
    """What steps share that take ranges of activations from real rows."""

    NEEDS = Needs(rows=32)

    calibration_rows: int = Field(default=512, ge=1, le=65536, description="Rows that the ranges are taken from")
    batch_size: int = Field(
        default=32, ge=1, le=4096, description="Rows that are scored at once; what is held beside the model grows"
    )
    minimum_rows: int = Field(default=32, ge=1, description="Below so many usable rows the data are refused")
    method: MethodName = Field(default="min-max", description="How a tensor's range follows from what was seen of it")
    percentile: float = Field(default=99.99, gt=50, le=100, description="For method percentile: share kept within")
    averaging: float = Field(default=0.9, gt=0, lt=1, description="For method ema: weight of what was seen before")
    replay_share: float = Field(default=0.25, ge=0, le=1, description="Share of older rows, where there are some")
    replay_widening: float = Field(
        default=4.0, ge=1, le=1e6, description="Older rows widen a range that fresh rows gave at most by this factor"
    )
