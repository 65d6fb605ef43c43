"""Which layer gets which width: fewest bits first, then wider where that saves most loss for its bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ratchet_runners.quantize.mixed.sensitivity import Sensitivity

Widths = dict[str, int]


@dataclass(frozen=True)
class Promotion:
    """One layer from one width to the next."""

    node: str
    width: int


def promotions(
    ranked: Sequence[Sensitivity], widths: Sequence[int], weights: Mapping[str, int]
) -> tuple[Widths, list[Promotion]]:
    """The narrowest widths, and all steps up from there in the order in which they are worth their bytes.

    Greedy: the next step is the one with the largest loss saved a byte (the losses are those of each layer alone; 16
    and 32 bits lose nothing). `weights` are how many numbers a layer has.
    """
    ladder = sorted(set(widths))
    losses = {item.node: {**dict.fromkeys(ladder, 0.0), **item.loss} for item in ranked}
    present = {item.node: ladder[0] for item in ranked}
    steps: list[Promotion] = []

    def worth(node: str) -> float:
        width = present[node]
        wider = ladder[ladder.index(width) + 1]
        saved = losses[node][width] - losses[node][wider]
        return saved / max(1, weights[node] * (wider - width))

    open_nodes = {node for node in present if len(ladder) > 1}
    while open_nodes:
        node = max(sorted(open_nodes), key=worth)
        present[node] = ladder[ladder.index(present[node]) + 1]
        steps.append(Promotion(node, present[node]))
        if present[node] == ladder[-1]:
            open_nodes.remove(node)
    return {item.node: ladder[0] for item in ranked}, steps


def promoted(narrowest: Widths, steps: Sequence[Promotion], count: int) -> Widths:
    """Widths after the first `count` steps."""
    widths = dict(narrowest)
    for step in steps[:count]:
        widths[step.node] = step.width
    return widths


def fewest_steps(last: int, loss_after: Callable[[int], float], allowed: float) -> tuple[int, float] | None:
    """The number of steps (0..last) from which on the loss is allowed, found by halving, with its loss.

    As if more steps never lost more; what is returned has been measured itself. None where all steps lose too much.
    """
    measured: dict[int, float] = {0: loss_after(0)}
    if measured[0] <= allowed:
        return 0, measured[0]
    measured[last] = loss_after(last)
    if measured[last] > allowed:
        return None
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        measured[middle] = loss_after(middle)
        low, high = (low, middle) if measured[middle] <= allowed else (middle, high)
    return high, measured[high]
