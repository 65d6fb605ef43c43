"""Tries alternatives in order, measures each, keeps the best so far, and says of every one what became of it."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import onnx

from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.documents.report import ReportedAlternative, ReportedStep
from ratchet_runners.faults import RunnerFault
from ratchet_runners.model.scoring import serialise
from ratchet_runners.plan.forecast import Forecast
from ratchet_runners.recipes.pipeline import Compressed, take_steps
from ratchet_runners.recipes.verdict import Measured, best_of, objections, on_front
from ratchet_runners.technique import Technique
from ratchet_runners.workbench import Tell, Workbench

#: An alternative that should take so many times what is left is not begun, where there is a candidate already.
HOPELESS = 3.0


@dataclass(frozen=True)
class Way:
    """An alternative that is going to be tried."""

    name: str
    steps: tuple[Technique, ...]
    forecast: Forecast


@dataclass
class Tried:
    """One alternative that was tried. `model` is there where it was measured."""

    report: ReportedAlternative
    model: onnx.ModelProto | None = None
    measured: Measured | None = None


#: Measures a candidate on the rows that choose. @throws RunnerFault when it cannot serve
Measure = Callable[[str, onnx.ModelProto], Measured]


class Search:
    """`tried` grows while it goes on; `best` is its best at any moment."""

    def __init__(self, bench: Workbench, source: onnx.ModelProto, measure: Measure, least_gain: float) -> None:
        self._bench = bench
        self._source = source
        self._measure = measure
        self._least_gain = least_gain
        self.tried: list[Tried] = []

    def run(self, ways: Sequence[Way], better: Callable[[Tried], None]) -> None:
        """Tries all; `better` hears of every new best."""
        known: Tried | None = None
        for position, way in enumerate(ways):
            left = self._bench.deadline - time.monotonic()
            if known is not None and way.forecast.seconds > HOPELESS * max(0.0, left):
                reason = f"it should take {way.forecast.seconds:g} s, and {max(0.0, left):.0f} s were left"
                self._note(way, "skipped", (reason,), 0.0)
                continue
            self._try(way, self._allotted(ways[position:], left), _telling(self._bench.tell, ways, position))
            best = self.best
            if best is not None and best is not known:
                known = best
                better(best)

    @property
    def best(self) -> Tried | None:
        measured = [each for each in self.tried if each.measured is not None]
        chosen = best_of([_sure(each) for each in measured], self._bench.objectives, self._least_gain)
        return None if chosen is None else measured[chosen]

    def reports(self) -> tuple[ReportedAlternative, ...]:
        """What became of each, as things stand."""
        measured = [each for each in self.tried if each.measured is not None]
        front = dict(
            zip(map(id, measured), on_front([_sure(each) for each in measured], self._least_gain), strict=True)
        )
        best = self.best
        return tuple(
            each.report.model_copy(
                update={
                    "pareto": front.get(id(each), False),
                    **({"outcome": "chosen"} if each is best else {}),
                }
            )
            for each in self.tried
        )

    def _allotted(self, ways: Sequence[Way], left: float) -> Workbench:
        """The bench with the time that this alternative may take: its expected share of what is left, and what cheap
        ones leave over goes to those after it.
        """
        expected = [max(1.0, way.forecast.seconds) for way in ways]
        share = max(expected[0] / sum(expected), 1 / len(expected))
        seconds = max(0.0, left) * share
        deadline = min(self._bench.deadline, time.monotonic() + seconds)
        return replace(self._bench, wall_seconds=max(seconds, 1e-3), deadline=deadline)

    def _try(self, way: Way, bench: Workbench, tell: Tell) -> None:
        started = time.monotonic()
        steps: list[ReportedStep] = []

        def end(outcome: str, reasons: tuple[str, ...]) -> None:
            self._note(way, outcome, reasons, time.monotonic() - started, tuple(steps))

        try:
            made = self._made(way, replace(bench, tell=tell), steps.append)
            if made.refusals:
                end("refused", made.refusals)
                return
            tell("measure", 1.0, "")
            measured = self._measure(way.name, made.model)
        except RunnerFault as fault:
            end("failed", (fault.message, *fault.faults))
        except MemoryError:
            end("failed", ("it ran out of memory",))
        except Exception as error:  # a fault of one technique must not cost what the others found
            traceback.print_exc(file=sys.stderr)
            end("failed", (f"the runner failed in it: {type(error).__name__}: {error}",))
        else:
            reasons = objections(measured, self._bench.objectives)
            end("rejected" if reasons else "eligible", reasons)
            self._complete(made, measured)

    def _made(self, way: Way, bench: Workbench, taken: Callable[[ReportedStep], None]) -> Compressed:
        expected = [step.cost.seconds for step in way.forecast.steps]
        return take_steps(way.steps, self._source, bench, expected, taken)

    def _complete(self, made: Compressed, measured: Measured) -> None:
        tried = self.tried[-1]
        content = serialise(made.model)
        figures = {"digest": digest_of_bytes(content), "size_bytes": len(content), "figures": measured.figures()}
        tried.report = tried.report.model_copy(update=figures)
        tried.model, tried.measured = made.model, measured

    def _note(
        self, way: Way, outcome: str, reasons: tuple[str, ...], seconds: float, steps: tuple[ReportedStep, ...] = ()
    ) -> None:
        content = {"name": way.name, "outcome": outcome, "reasons": reasons, "seconds": round(seconds, 3)}
        self.tried.append(Tried(ReportedAlternative.model_validate({**content, "steps": steps})))


def _sure(tried: Tried) -> Measured:
    if tried.measured is None:
        raise ValueError(f"{tried.report.name} was not measured")
    return tried.measured


def _telling(tell: Tell, ways: Sequence[Way], position: int) -> Tell:
    """Steps tell their own fraction; here it becomes the search's, by what each alternative should take."""
    expected = [max(1.0, way.forecast.seconds) for way in ways]
    before, own, whole = sum(expected[:position]), expected[position], sum(expected)
    seen: dict[str, None] = {}

    def told(step: str, fraction: float, message: str) -> None:
        seen.setdefault(step)
        # How many kinds of events are still to come is not known: each one closes half of what is left.
        done = 1 - 0.5 ** (len(seen) - 1) * (1 - 0.5 * fraction)
        words = ", ".join(part for part in (f"{ways[position].name}: {step}", message) if part)
        tell("search", (before + own * done) / whole, words)

    return told
