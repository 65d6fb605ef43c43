"""Alternatives that survived measurement, by name, and which of them answer a cause, in what order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ratchet_runners.plan.causes import Cause
from ratchet_runners.plan.gains import convolution_share
from ratchet_runners.recipes.techniques import TECHNIQUES
from ratchet_runners.technique import Subject, Technique

#: Steps as (technique, what differs from its defaults).
Steps = Sequence[tuple[str, Mapping[str, Any]]]

CATALOGUE: dict[str, Steps] = {
    "static": [("quantize-static", {})],
    "static-percentile": [("quantize-static", {"method": "percentile"})],
    "static-per-channel": [("quantize-static", {"per_channel": True})],
    "static-mixed": [("quantize-mixed", {})],
    "static-corrected": [("equalise", {}), ("quantize-static", {}), ("correct-bias", {})],
    "static-smooth": [("smooth", {}), ("quantize-static", {})],
    "static-four-bits": [("quantize-static", {"weight_bits": 4, "per_channel": True}), ("round-adaptively", {})],
    "dynamic": [("quantize-dynamic", {"embeddings": True})],
    "weights": [("quantize-weights", {})],
    "weights-eight-bits": [("quantize-weights", {"bits": 8})],
    "half": [("quantize-half", {})],
    "quantize-aware": [("quantize-aware", {})],
    "quantize-aware-four-bits": [("quantize-aware", {"bits": 4, "per_channel": True})],
    "prune": [("prune-channels", {"ratio": 0.5})],
    "prune-quantize": [("prune-channels", {"ratio": 0.35}), ("quantize-static", {})],
    "prune-quantize-distil": [("prune-channels", {"ratio": 0.5}), ("distil", {}), ("quantize-aware", {})],
    "joint": [("joint", {})],
    "distil-static": [("distil", {}), ("quantize-static", {})],
}

_KNOWN = {kind.model_fields["technique"].default: kind for kind in TECHNIQUES}

#: What of the catalogue this package has all techniques for.
ALTERNATIVES: dict[str, Steps] = {
    name: steps for name, steps in CATALOGUE.items() if all(technique in _KNOWN for technique, _ in steps)
}

#: Names of the catalogue in the order in which they are tried for a cause: cheap first, so that time that runs out
#: has bought the most.
ORDER: dict[Cause, tuple[str, ...]] = {
    "latency": ("static", "dynamic", "static-mixed", "prune-quantize", "prune-quantize-distil"),
    "size": ("static-mixed", "weights", "static-four-bits", "quantize-aware-four-bits", "prune-quantize-distil"),
    "no-compressed-champion": ("static", "dynamic", "static-mixed", "static-percentile", "quantize-aware"),
    "compression-damage": ("static", "static-per-channel", "static-corrected", "static-mixed", "quantize-aware"),
    "world-changed": ("distil-static", "static"),
}


def technique_named(name: str) -> type[Technique]:
    """@throws KeyError for a name that no technique has"""
    return _KNOWN[name]


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
    """Names in the order in which they should be tried. Without convolutions dynamic scales come first: no calibration
    can go wrong, and on matrix products they are as fast.
    """
    names = [name for name in ORDER[cause] if name in ALTERNATIVES]
    if "dynamic" in names and convolution_share(subject) == 0:
        names.sort(key=lambda name: name != "dynamic")
    return tuple(names)
