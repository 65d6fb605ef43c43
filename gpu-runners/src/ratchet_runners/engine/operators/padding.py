"""Padding: what `auto_pad` means, and the operator Pad."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from ratchet_runners.engine.operators.registry import (
    Attributes,
    Inputs,
    UnsupportedForm,
    given,
    integers,
    operator,
    optional,
)


def begin_and_end(
    attributes: Attributes, sizes: list[int], kernel: list[int], strides: list[int], dilations: list[int]
) -> tuple[list[int], list[int]]:
    """Padding before and after each spatial dimension, also where it is to be worked out (`auto_pad`)."""
    rank = len(kernel)
    mode = attributes.get("auto_pad", "NOTSET")
    if mode == "NOTSET":
        pads = [int(pad) for pad in attributes.get("pads", [0] * 2 * rank)]
        return pads[:rank], pads[rank:]
    if mode == "VALID":
        return [0] * rank, [0] * rank
    begin: list[int] = []
    end: list[int] = []
    for size, width, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        total = max(0, (math.ceil(size / stride) - 1) * stride + (width - 1) * dilation + 1 - size)
        less, more = total // 2, total - total // 2
        begin.append(less if mode == "SAME_UPPER" else more)
        end.append(more if mode == "SAME_UPPER" else less)
    return begin, end


def sides_of(begin: list[int], end: list[int]) -> list[int]:
    """As torch wants it: pairs from the last dimension to the first."""
    return [side for pair in reversed(list(zip(begin, end, strict=True))) for side in pair]


@operator("Pad")
def pad(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, pads = given(inputs, 0), integers(inputs, 1, attributes, "pads")
    if pads is None:
        raise UnsupportedForm("no pads")
    begin, end = _by_axis(x.dim(), pads, integers(inputs, 3, attributes, "axes"))
    mode = attributes.get("mode", "constant")
    if mode == "constant":
        value = optional(inputs, 2)
        filler = float(attributes.get("value", 0.0)) if value is None or not value.numel() else value.item()
        return functional.pad(x, sides_of(begin, end), value=filler)
    if mode not in ("reflect", "edge", "wrap"):
        raise UnsupportedForm(f"padding of mode {mode}")
    for axis in range(x.dim()):
        if begin[axis] or end[axis]:
            places = _sources(x.shape[axis], begin[axis], end[axis], mode)
            x = x.index_select(axis, places.to(x.device))
    return x


def _by_axis(rank: int, pads: list[int], axes: list[int] | None) -> tuple[list[int], list[int]]:
    half = len(pads) // 2
    if axes is None:
        return pads[:half], pads[half:]
    begin, end = [0] * rank, [0] * rank
    for position, axis in enumerate(axes):
        begin[axis], end[axis] = pads[position], pads[half + position]
    return begin, end


def _sources(size: int, before: int, after: int, mode: str) -> torch.Tensor:
    """For each place of the padded axis the place that it is read from. Negative pads cut off first."""
    first, last = max(0, -before), size - max(0, -after)
    size = last - first
    places = torch.arange(-max(0, before), size + max(0, after))
    if mode == "edge":
        places = places.clamp(0, size - 1)
    elif mode == "wrap":
        places = places.remainder(size)
    elif size == 1:
        places = torch.zeros_like(places)
    else:
        places = places.remainder(2 * (size - 1))
        places = torch.minimum(places, 2 * (size - 1) - places)
    return places + first
