"""Resizing by interpolation along each axis, and sampling along a grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from ratchet_runners.engine.operators.registry import (
    Attributes,
    Inputs,
    UnsupportedForm,
    both,
    given,
    integers,
    operator,
    optional,
)

Floats = npt.NDArray[np.floating[Any]]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Axis:
    """One axis that changes: places to read from for each new place ([taps, new size]) and their weights."""

    number: int
    places: Places
    weights: Floats | None


@operator("Resize")
def resize(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    """Interpolation is separable: each axis is resized by itself."""
    x = given(inputs, 0)
    if attributes.get("antialias", 0):
        raise UnsupportedForm("resizing with antialiasing")
    for number, size, scale in _targets(attributes, inputs, x):
        if size != x.shape[number] or scale != 1.0:
            axis = _axis(attributes, number, x.shape[number], size, scale)
            x = _resized(x, axis)
    return x


def _targets(attributes: Attributes, inputs: Inputs, x: torch.Tensor) -> list[tuple[int, int, float]]:
    """Axis, new size and scale for each axis that is named."""
    axes = [int(axis) % x.dim() for axis in attributes.get("axes", range(x.dim()))]
    old = [x.shape[axis] for axis in axes]
    sizes = integers(inputs, 3, attributes, "sizes") if attributes.opset > 10 else None
    if not sizes:
        scales = optional(inputs, 2 if attributes.opset > 10 else 1)
        if scales is None:
            raise UnsupportedForm("neither scales nor sizes")
        factors = [float(scale) for scale in scales.tolist()]
        return [
            (axis, int(np.floor(np.float32(have) * np.float32(factor))), factor)
            for axis, have, factor in zip(axes, old, factors, strict=True)
        ]
    policy = attributes.get("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        ratios = [size / have for size, have in zip(sizes, old, strict=True)]
        ratio = min(ratios) if policy == "not_larger" else max(ratios)
        return [(axis, int(np.floor(ratio * have + 0.5)), ratio) for axis, have in zip(axes, old, strict=True)]
    return [(axis, size, size / have) for axis, have, size in zip(axes, old, sizes, strict=True)]


def _axis(attributes: Attributes, number: int, old: int, new: int, scale: float) -> _Axis:
    mode = attributes.get("mode", "nearest")
    points = _points(attributes, old, new, scale)
    if mode == "nearest":
        return _Axis(number, _nearest(attributes, points, scale).clip(0, old - 1)[None], None)
    if mode == "linear":
        low = np.floor(points.clip(0, old - 1)).astype(np.int64)
        share = points.clip(0, old - 1) - low
        return _Axis(
            number, np.stack([low, np.minimum(low + 1, old - 1)]), np.stack([1 - share, share]).astype(np.float32)
        )
    if mode == "cubic":
        return _cubic(attributes, number, points, old)
    raise UnsupportedForm(f"resizing of mode {mode}")


def _points(attributes: Attributes, old: int, new: int, scale: float) -> Floats:
    """Where on the old axis each new place lies; in single precision, as ONNX Runtime computes it."""
    mode = attributes.get("coordinate_transformation_mode", "half_pixel" if attributes.opset > 10 else "asymmetric")
    at, factor = np.arange(new, dtype=np.float32), np.float32(scale)
    half = np.float32(0.5)
    if mode == "half_pixel":
        return (at + half) / factor - half
    if mode == "pytorch_half_pixel":
        return (at + half) / factor - half if new > 1 else np.zeros_like(at)
    if mode == "asymmetric":
        return at / factor
    if mode == "align_corners":
        return at * np.float32(old - 1) / np.float32(new - 1) if new > 1 else np.zeros_like(at)
    if mode == "half_pixel_symmetric":
        centre = np.float32(old / 2) * (1 - np.float32(new) / np.float32(np.float32(old) * factor))
        return centre + (at + half) / factor - half
    raise UnsupportedForm(f"coordinates of mode {mode}")


def _nearest(attributes: Attributes, points: Floats, scale: float) -> Places:
    """Before operator set 11 shrinking took the next place and growing the one before."""
    default = "round_prefer_floor" if attributes.opset > 10 else ("ceil" if scale < 1 else "floor")
    mode = attributes.get("nearest_mode", default)
    half = np.float32(0.5)
    rounded = {
        "round_prefer_floor": lambda: np.ceil(points - half),
        "round_prefer_ceil": lambda: np.floor(points + half),
        "floor": lambda: np.floor(points),
        "ceil": lambda: np.ceil(points),
    }[mode]()
    return rounded.astype(np.int64)


def _cubic(attributes: Attributes, number: int, points: Floats, old: int) -> _Axis:
    """Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981."""
    a = float(attributes.get("cubic_coeff_a", -0.75))
    low = np.floor(points).astype(np.int64)
    places = np.stack([low + offset for offset in (-1, 0, 1, 2)])
    away = np.abs(points[None] - places)
    near = (a + 2) * away**3 - (a + 3) * away**2 + 1
    far = a * away**3 - 5 * a * away**2 + 8 * a * away - 4 * a
    weights = np.where(away <= 1, near, far).astype(np.float32)
    if attributes.get("exclude_outside", 0):
        weights = weights * ((places >= 0) & (places < old))
        weights = weights / weights.sum(axis=0, keepdims=True)
    return _Axis(number, places.clip(0, old - 1), weights.astype(np.float32))


def _resized(x: torch.Tensor, axis: _Axis) -> torch.Tensor:
    places = torch.from_numpy(axis.places).to(x.device)
    if axis.weights is None:
        return x.index_select(axis.number, places[0])
    weights = torch.from_numpy(np.ascontiguousarray(axis.weights)).to(x)
    sides = [1] * x.dim()
    sides[axis.number] = -1
    parts = [
        x.index_select(axis.number, place) * weight.reshape(sides)
        for place, weight in zip(places, weights, strict=True)
    ]
    return torch.stack(parts).sum(dim=0)


@operator("GridSample")
def grid_sample(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, grid = both(inputs)
    mode = str(attributes.get("mode", "bilinear"))
    return functional.grid_sample(
        x,
        grid,
        mode={"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode),
        padding_mode=attributes.get("padding_mode", "zeros"),
        align_corners=bool(attributes.get("align_corners", 0)),
    )
