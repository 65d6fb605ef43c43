"""What becomes of the positions of axes that a Reshape merges and splits."""

from __future__ import annotations

from itertools import accumulate, pairwise
from math import prod
from operator import mul

import numpy as np

from ratchet_runners.prune.atoms import Labels
from ratchet_runners.prune.trace import Axes, Trace


def reshaped(trace: Trace, data: str, made: tuple[int, ...], by: str) -> Axes:
    """Axes of the tensor `data` after a reshape to the sizes `made`.

    Axes are matched from the left in blocks of equally many positions. Within a block both sides are cut into common
    factors: [channels, height, width] -> [features] repeats each channel's atom for all its features; [heads·size] ->
    [heads, size] ties the positions of a head, and which factor carries them `trace.carriers` says.
    """
    sizes = trace.size(data)
    taken = [(size, labels) for size, labels in zip(sizes, trace.of(data), strict=True) if size != 1]
    places = [position for position, size in enumerate(made) if size != 1]
    found: Axes = [None] * len(made)
    if prod(sizes) == 0:
        for labels in trace.of(data):
            trace.keep(labels, f"{by} works on nothing")
        return found
    left = right = 0
    while left < len(taken) and right < len(places):
        ins, outs = [taken[left]], [made[places[right]]]
        begin = right
        left, right = left + 1, right + 1
        while prod(size for size, _ in ins) != prod(outs):
            if prod(size for size, _ in ins) < prod(outs):
                ins.append(taken[left])
                left += 1
            else:
                outs.append(made[places[right]])
                right += 1
        for place, labels in zip(places[begin:right], _block(trace, ins, outs, by), strict=True):
            found[place] = labels
    return found


def _block(trace: Trace, ins: list[tuple[int, Labels | None]], outs: list[int], by: str) -> Axes:
    if all(labels is None for _, labels in ins):
        return [None] * len(outs)
    if len(ins) == len(outs) == 1:
        return [ins[0][1]]
    cuts_in, cuts_out = list(accumulate((size for size, _ in ins), mul)), list(accumulate(outs, mul))
    cuts = sorted({*cuts_in, *cuts_out})
    if any(later % earlier for earlier, later in pairwise(cuts)):
        for _, labels in ins:
            trace.keep(labels, f"{by} mixes it with its neighbours")
        return [None] * len(outs)
    factors = [later // earlier for earlier, later in zip([1, *cuts], cuts, strict=False)]
    carried: list[Labels | None] = []
    start = 0
    for cut, (_, labels) in zip(cuts_in, ins, strict=True):
        end = cuts.index(cut) + 1
        carried += _split(trace, labels, tuple(factors[start:end]))
        start = end
    made: Axes = []
    start = 0
    for cut in cuts_out:
        end = cuts.index(cut) + 1
        made.append(_merged(trace, carried[start:end], factors[start:end], by))
        start = end
    return made


def _split(trace: Trace, labels: Labels | None, factors: tuple[int, ...]) -> list[Labels | None]:
    if labels is None:
        return [None] * len(factors)
    if len(factors) == 1:
        return [labels]
    # Along a factor that only repeats (the batch, where heads were folded into it) nothing can be told apart.
    blocks = trace.atoms.roots(labels).reshape(factors)
    able = [axis for axis in range(len(factors)) if (np.take(blocks, [0], axis) != blocks).any()]
    if len(able) > 1 and factors not in trace.splits:
        trace.splits.append(factors)
    wanted = trace.carriers.get(factors, 0)
    carrier = wanted if wanted in able or not able else able[0]
    sheet = np.moveaxis(labels.reshape(factors), carrier, 0).reshape(factors[carrier], -1)
    trace.atoms.tie(sheet, sheet[:, :1])
    return [sheet[:, 0] if position == carrier else None for position in range(len(factors))]


def _merged(trace: Trace, carried: list[Labels | None], factors: list[int], by: str) -> Labels | None:
    if len(carried) == 1:
        return carried[0]
    present = [position for position, labels in enumerate(carried) if labels is not None]
    if not present:
        return None
    kept = max(present, key=lambda position: (factors[position], -position))
    for position in present:
        if position != kept:
            trace.keep(carried[position], f"{by} folds it into an axis that follows another one")
    labels = carried[kept]
    assert labels is not None
    shape = [1] * len(factors)
    shape[kept] = factors[kept]
    return np.broadcast_to(labels.reshape(shape), factors).reshape(-1)
