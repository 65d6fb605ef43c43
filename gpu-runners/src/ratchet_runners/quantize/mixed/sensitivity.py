"""Ranks layers by what few bits cost them, from ranges that are known already."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ratchet_runners.data.rows import Indices, Inputs
from ratchet_runners.quantize.mixed.loss import divergence, relative_error
from ratchet_runners.quantize.mixed.simulation import Simulation
from ratchet_runners.workbench import Workbench

#: Above so many nodes neighbours are measured together first, and only those of the worse groups one by one.
MANY = 40
#: Groups that many nodes are put into.
GROUPS = 20
#: With fewer rows for choices than this those for training help out: one answer among thirty says little.
FEWEST_ROWS = 128


@dataclass(frozen=True)
class Sensitivity:
    """What one node loses when it alone has so few bits."""

    node: str
    #: Of the answers, by bits; see `divergence`.
    loss: Mapping[int, float]
    #: Squared, relative to the answers' power, by bits.
    error: Mapping[int, float]
    #: Measured together with its neighbours: what is told is the group's loss divided among them.
    shared: bool = False

    def told(self) -> str:
        figures = ", ".join(
            f"{bits} bits: divergence {self.loss[bits]:.2e}, relative error {self.error[bits]:.2e}"
            for bits in sorted(self.loss, reverse=True)
        )
        return f"{self.node} ({figures}{', measured with its neighbours' if self.shared else ''})"


def selection_rows(bench: Workbench, count: int) -> Inputs:
    """Up to `count` rows that choices are made on: the selecting ones, where these are too few training rows too."""
    chosen: Indices = bench.split.select
    if len(chosen) < FEWEST_ROWS:
        chosen = np.concatenate([chosen, bench.split.train[: FEWEST_ROWS - len(chosen)]])
    return bench.rows.input[chosen[:count]]


def sensitivities(
    simulation: Simulation,
    weighted: Sequence[str],
    widths: Sequence[int],
    rows: Inputs,
    bench: Workbench,
    tell: Callable[[float, str], None],
    wall_share: float = 0.3,
) -> tuple[list[Sensitivity], bool]:
    """Every weighted node with its loss at each of `widths` bits, worst first, and whether time cut the measuring.

    Costs one scoring of `rows` a node and width; of more than `MANY` nodes only the worse half is measured one by one.
    """
    ends = time.monotonic() + bench.seconds_left(wall_share)
    exact = simulation.answers({}, rows)
    cut = False

    def measured(nodes: Sequence[str]) -> Sensitivity:
        loss: dict[int, float] = {}
        error: dict[int, float] = {}
        for bits in widths:
            answers = simulation.answers(dict.fromkeys(nodes, bits), rows)
            loss[bits] = divergence(exact, answers, bench.contract) / len(nodes)
            error[bits] = relative_error(exact, answers) / len(nodes)
        return Sensitivity(nodes[0], loss, error, len(nodes) > 1)

    found: dict[str, Sensitivity] = {}
    single = list(weighted)
    if len(weighted) > MANY:
        size = -(-len(weighted) // GROUPS)
        groups = [list(weighted[start : start + size]) for start in range(0, len(weighted), size)]
        together: list[tuple[list[str], Sensitivity]] = []
        for number, group in enumerate(groups):
            together.append((group, measured(group)))
            tell(0.5 * (number + 1) / len(groups), f"{number + 1} of {len(groups)} groups of nodes")
        together.sort(key=lambda item: -max(item[1].loss.values()))
        for group, whole in together:
            for name in group:
                found[name] = Sensitivity(name, whole.loss, whole.error, whole.shared)
        single = [name for group, _ in together[: len(together) // 2] for name in group]
    for position, name in enumerate(single):
        if found.keys() >= set(weighted) and time.monotonic() > ends:
            cut = True
            break
        found[name] = measured([name])
        tell((position + 1) / len(single), f"{position + 1} of {len(single)} nodes")
    ranked = sorted(found.values(), key=lambda item: (-max(item.loss.values()), item.node))
    return ranked, cut
