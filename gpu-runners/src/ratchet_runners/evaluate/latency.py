"""Who is faster, on a machine that does other things too.

All variants run in one process, one after the other in every round. What disturbs a round disturbs all of them, so
that ratios within rounds stand where medians of separate runs swing by factors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ratchet_runners.data.rows import Doubles, Indices
from ratchet_runners.evaluate.document import Estimate, LatencyFigures, Times

Clock = Callable[[], float]

#: A measurement of less is mostly the clock's and the interpreter's own time: short calls are repeated.
SHORTEST = 3e-4
MOST_REPEATS = 64
FEWEST_ROUNDS = 10
#: Times that all sessions are made anew, each time in another order. Where a session's memory lies changes its speed
#: for as long as it lives: of one model loaded five times, the last was up to 4 % faster than the others in each of ten
#: trials. With five layouts the ratios were within 1.1 % of 1.
LAYOUTS = 5
#: A smaller difference is none: interleaved ratios of one and the same model move that much.
NOTICEABLE = 0.02


@dataclass(frozen=True)
class Rounds:
    """Seconds of one call, one array of all rounds a variant; equal positions are the same round."""

    seconds: dict[str, Doubles]

    def ratios(self, one: str, other: str) -> Doubles:
        return self.seconds[one] / self.seconds[other]

    @staticmethod
    def joined(parts: Sequence[Rounds]) -> Rounds:
        """The rounds of all parts, which time the same variants."""
        return Rounds({name: np.concatenate([part.seconds[name] for part in parts]) for name in parts[0].seconds})


def measure(
    calls: Mapping[str, Callable[[], object]],
    rounds: int,
    seconds: float,
    clock: Clock = time.perf_counter,
    fewest: int = FEWEST_ROUNDS,
) -> Rounds:
    """Times every call in every round, until the rounds or the seconds are over (at least `fewest` rounds). Two rounds
    before are not counted: first calls allocate. Each round has an order of its own, by chance: what runs before a call
    leaves it cold caches and a processor slowed down by wide vectors, and must not be the same one every time."""
    names, random = list(calls), np.random.default_rng(0)
    short = min(_once(calls[name], 1, clock) for _ in range(2) for name in names)
    repeats = min(MOST_REPEATS, max(1, round(SHORTEST / max(short, 1e-9))))
    found: dict[str, list[float]] = {name: [] for name in names}
    ending = clock() + seconds
    for number in range(rounds):
        for name in random.permutation(names):
            found[name].append(_once(calls[name], repeats, clock))
        if number + 1 >= fewest and clock() > ending:
            break
    return Rounds({name: np.array(values) for name, values in found.items()})


def _once(call: Callable[[], object], repeats: int, clock: Clock) -> float:
    started = clock()
    for _ in range(repeats):
        call()
    return max(1e-9, (clock() - started) / repeats)


def compare(
    rounds: Rounds, candidate: str, reference: str, batch: int, threads: int, confidence: float, seed: int
) -> LatencyFigures:
    """Times of both, and a verdict that contention does not turn.

    The ratio is the median over rounds of the ratio within a round. Its interval comes from a circular block bootstrap
    (Politis & Romano 1992), because what disturbs a round often lasts for some. `faster` and `slower` need the whole
    interval, and the ratio of the least times, noticeably on one side of 1.
    """
    ratios = rounds.ratios(candidate, reference)
    low, high = _bounds(ratios, confidence, seed)
    one, two = rounds.seconds[candidate], rounds.seconds[reference]
    least = float(one.min() / two.min())
    verdict: Literal["faster", "slower", "undecided"] = "undecided"
    if high < 1 - NOTICEABLE and least < 1:
        verdict = "faster"
    elif low > 1 + NOTICEABLE and least > 1:
        verdict = "slower"
    return LatencyFigures(
        batch=batch,
        threads=threads,
        rounds=len(ratios),
        candidate=_times(one),
        reference=_times(two),
        ratio=Estimate(value=float(np.median(ratios)), low=low, high=high, rows=len(ratios)),
        least_ratio=least,
        verdict=verdict,
    )


def _bounds(ratios: Doubles, confidence: float, seed: int, draws: int = 1000) -> tuple[float, float]:
    random = np.random.default_rng(seed)
    rounds, block = len(ratios), max(1, round(len(ratios) ** (1 / 3)))
    starts = random.integers(0, rounds, (draws, -(-rounds // block)))
    places: Indices = (starts[:, :, None] + np.arange(block)).reshape(draws, -1)[:, :rounds] % rounds
    low, high = np.quantile(np.median(ratios[places], axis=1), [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _times(seconds: Doubles) -> Times:
    p50, p95 = np.quantile(seconds, [0.5, 0.95])
    return Times(p50=1000 * float(p50), p95=1000 * float(p95), least=1000 * float(seconds.min()))
