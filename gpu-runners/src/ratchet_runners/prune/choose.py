"""Which units go: a global ranking with limits, and widths that the kernels like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from ratchet_runners.prune.groups import Group, Kind
from ratchet_runners.prune.surgery import Removal

#: One number a unit, by group name: the higher the more it matters.
Scores = Mapping[str, npt.NDArray[Any]]
#: How many units of each group stay, by name.
Widths = dict[str, int]


@dataclass(frozen=True)
class Limits:
    """What a choice must keep to."""

    #: Convolutions' widths become multiples of so many channels: what their kernels take at a time.
    block: int = 16
    #: The same for features and hidden units, whose kernels are smooth.
    feature_block: int = 8
    #: Channels, features or hidden units that always stay.
    minimum_width: int = 8
    #: Largest share of a group that may go.
    largest_ratio: float = 0.75
    kinds: frozenset[Kind] = frozenset({"channels", "heads", "features", "hidden"})
    #: Layers whose groups stay as they are.
    skip: frozenset[str] = frozenset()
    #: Whether groups are ranked against each other; else each loses the same share.
    ranked: bool = True


def candidates(groups: Sequence[Group], limits: Limits) -> list[Group]:
    """Groups that may lose units."""
    return [
        group
        for group in groups
        if group.reason is None and group.kind in limits.kinds and not limits.skip & set(group.layers)
    ]


def choose(groups: Sequence[Group], scores: Scores, ratio: float, limits: Limits | None = None) -> Removal:
    """The least important units: about this share of all channels, heads (counted by their outputs) and features.

    Scores are divided by the mean of their group before groups are compared. Widths are rounded, so that more or less
    than `ratio` may go, and nothing at all where every layer is as narrow as a block.
    """
    limits = limits or Limits()
    return lowest(groups, scores, planned(groups, scores, ratio, limits))


def lowest(groups: Sequence[Group], scores: Scores, widths: Widths) -> Removal:
    """Removes the units with the lowest scores until the groups have these widths; of equal ones the later."""
    units: dict[str, tuple[int, ...]] = {}
    for group in groups:
        count = group.size - widths.get(group.name, group.size)
        if count > 0:
            order = np.lexsort((-np.arange(group.size), np.asarray(scores[group.name], dtype=np.float64)))
            units[group.name] = tuple(sorted(order[:count].tolist()))
    return Removal(units)


def planned(groups: Sequence[Group], scores: Scores, ratio: float, limits: Limits) -> Widths:
    """Rounded widths after a removal of about `ratio`; groups that do not change are left out."""
    able = [group for group in candidates(groups, limits) if largest_removal(group, limits) > 0]
    removed = _ranked(able, scores, ratio, limits) if limits.ranked else [round(group.size * ratio) for group in able]
    widths: Widths = {}
    for group, count in zip(able, removed, strict=True):
        width = rounded(group, group.size - min(count, largest_removal(group, limits)), limits)
        if width < group.size:
            widths[group.name] = width
    return widths


def on_the_way(sizes: Widths, widths: Widths, share: float) -> Widths:
    """The widths after this share of a way from `sizes` to `widths`; groups that stay as they are are left out."""
    return {name: sizes[name] - round((sizes[name] - width) * share) for name, width in widths.items()}


def narrowed(sizes: Widths, widths: Widths) -> list[str]:
    """For people: what became of each group."""
    return [f"{name}: {sizes[name]} units, now {width}" for name, width in widths.items()]


def planned_for(
    groups: Sequence[Group], scores: Scores, fits: Callable[[Widths], bool], limits: Limits
) -> tuple[Widths, float]:
    """The smallest removal whose widths fit a target, and its ratio; the largest possible one where none does."""
    low, high = 0.0, 1.0
    best = planned(groups, scores, 1.0, limits)
    if not fits(best):
        return best, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        tried = planned(groups, scores, middle, limits)
        if fits(tried):
            best, high = tried, middle
        else:
            low = middle
    return best, high


def _ranked(groups: Sequence[Group], scores: Scores, ratio: float, limits: Limits) -> list[int]:
    entries: list[tuple[float, int, int]] = []
    for number, group in enumerate(groups):
        values = np.asarray(scores[group.name], dtype=np.float64)
        mean = float(values.mean())
        entries += [(float(value) / mean if mean > 0 else 0.0, number, unit) for unit, value in enumerate(values)]
    worth = [group.width * len(group.layers) for group in groups]
    wanted = ratio * sum(group.size * each for group, each in zip(groups, worth, strict=True))
    removed = [0] * len(groups)
    most = [largest_removal(group, limits) for group in groups]
    for _, number, _ in sorted(entries):
        if wanted <= 0:
            break
        if removed[number] < most[number]:
            removed[number] += 1
            wanted -= worth[number]
    return removed


def largest_removal(group: Group, limits: Limits) -> int:
    """Units that may go at most."""
    minimum = 1 if group.kind == "heads" else -(-limits.minimum_width // group.width)
    return max(0, min(floor(group.size * limits.largest_ratio), group.size - minimum))


def rounded(group: Group, width: int, limits: Limits) -> int:
    """The nearest width that the kernels like (of two equally near ones the smaller), within what may go."""
    if group.kind == "heads":
        return max(width, group.size - largest_removal(group, limits))
    block = limits.block if group.kind == "channels" else limits.feature_block
    step = block // gcd(block, group.width)
    least = group.size - largest_removal(group, limits)
    likes = [size for size in range(step, group.size, step) if size >= least]
    return min([*likes, group.size], key=lambda size: (abs(size - width), size))
