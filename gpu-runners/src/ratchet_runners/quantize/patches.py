"""A convolution's input as the rows that its kernel is multiplied with (im2col)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ratchet_runners.model.graph import Array


def patches(value: Array, weight_shape: tuple[int, ...], attributes: dict[str, Any], seed: int, most: int) -> Array:
    """(rows, channels, *space) -> (groups, n, channels of a group * kernel), in the weight's own order.

    At most `most` places are taken, drawn without replacement before anything is copied; equal shapes and seeds draw
    the same places.
    """
    kernel = weight_shape[2:]
    rank = len(kernel)
    groups = int(attributes.get("group", 1))
    strides = list(attributes.get("strides", [1] * rank))
    dilations = list(attributes.get("dilations", [1] * rank))
    extents = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
    pads = _pads(attributes, value.shape[2:], extents, strides)
    windows = sliding_window_view(np.pad(value, [(0, 0), (0, 0), *pads]), extents, axis=tuple(range(2, 2 + rank)))
    places = tuple(slice(None, None, stride) for stride in strides)
    inside = tuple(slice(None, None, step) for step in dilations)
    windows = np.moveaxis(windows[(slice(None), slice(None), *places, *inside)], 1, 1 + rank)
    chosen = drawn(int(np.prod(windows.shape[: 1 + rank])), seed, most)
    taken = windows[np.unravel_index(chosen, windows.shape[: 1 + rank])]
    return taken.reshape(len(chosen), groups, -1).transpose(1, 0, 2)


def drawn(count: int, seed: int, most: int) -> Array:
    """Positions in order: all of them, or `most` drawn without replacement."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def _pads(
    attributes: dict[str, Any], space: tuple[int, ...], extents: list[int], strides: list[int]
) -> list[tuple[int, int]]:
    automatic = attributes.get("auto_pad", "NOTSET")
    rank = len(space)
    if automatic == "NOTSET":
        given = list(attributes.get("pads", [0] * (2 * rank)))
        return list(zip(given[:rank], given[rank:], strict=True))
    if automatic == "VALID":
        return [(0, 0)] * rank
    found: list[tuple[int, int]] = []
    for size, extent, stride in zip(space, extents, strides, strict=True):
        total = max(0, (-(-size // stride) - 1) * stride + extent - size)
        less = total // 2
        found.append((less, total - less) if automatic == "SAME_UPPER" else (total - less, less))
    return found
