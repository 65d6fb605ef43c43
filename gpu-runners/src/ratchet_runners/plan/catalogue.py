"""Alternatives that survived measurement, by name, and which of them answer a cause, in what order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from ratchet_runners.plan.gains import convolution_share
from ratchet_runners.recipes.techniques import TECHNIQUES
from ratchet_runners.technique import Subject, Technique

Cause = Literal["latency", "size", "no-compressed-champion", "compression-damage", "world-changed"]
CAUSES: tuple[Cause, ...] = get_args(Cause)

#: Steps as (technique, what differs from its defaults).
Steps = Sequence[tuple[str, Mapping[str, Any]]]

ALTERNATIVES: dict[str, Steps] = {
    "static": [("quantize-static", {})],
    "static-percentile": [("quantize-static", {"method": "percentile"})],
    "static-per-channel": [("quantize-static", {"per_channel": True})],
    "distil-static": [("distil", {}), ("quantize-static", {})],
}

#: Names of the catalogue in the order in which they are tried for a cause: cheap first, so that time that runs out
#: has bought the most.
ORDER: dict[Cause, tuple[str, ...]] = {
    "latency": ("static", "static-per-channel", "static-percentile"),
    "size": ("static", "static-per-channel", "static-percentile"),
    "no-compressed-champion": ("static", "static-per-channel", "static-percentile"),
    "compression-damage": ("static", "static-per-channel", "static-percentile"),
    "world-changed": ("distil-static", "static"),
}


def technique_named(name: str) -> type[Technique]:
    """@throws KeyError for a name that no technique has"""
    return {kind.model_fields["technique"].default: kind for kind in TECHNIQUES}[name]


def steps_of(name: str, batch_scale: float = 1.0) -> tuple[Technique, ...]:
    """The steps of an alternative of the catalogue. @throws KeyError"""
    made = (technique_named(technique).model_validate(dict(settings)) for technique, settings in ALTERNATIVES[name])
    return tuple(with_batches(step, batch_scale) for step in made)


def with_batches(step: Technique, scale: float) -> Technique:
    """The same step with its batches scaled, one row at least: what a job asks for after it ran out of memory."""
    rows: int | None = getattr(step, "batch_size", None)
    if scale == 1.0 or rows is None:
        return step
    return step.model_copy(update={"batch_size": max(1, int(rows * scale))})


def proposed(cause: Cause, subject: Subject) -> tuple[str, ...]:
    """Names in the order in which they should be tried: what a hardware can only make slower comes last."""
    names = [name for name in ORDER[cause] if name in ALTERNATIVES]
    dynamic_first = convolution_share(subject) == 0 and cause in ("latency", "size", "no-compressed-champion")
    if dynamic_first and "dynamic" in names:
        names.remove("dynamic")
        names.insert(0, "dynamic")
    return tuple(names)
