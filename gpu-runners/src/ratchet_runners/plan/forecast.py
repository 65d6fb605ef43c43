"""Takes steps through their declarations: what speaks against them, what they take, what they should bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ratchet_runners.plan.costs import Costs
from ratchet_runners.plan.gains import latency_ratio
from ratchet_runners.technique import Cost, Subject, Technique


@dataclass(frozen=True)
class StepForecast:
    technique: str
    cost: Cost


@dataclass(frozen=True)
class Forecast:
    """`objections` name the step that they are of; ratios are of the candidate to the source."""

    name: str
    steps: tuple[StepForecast, ...]
    objections: tuple[str, ...]
    size_ratio: float
    latency_ratio: float

    @property
    def seconds(self) -> float:
        return round(sum(step.cost.seconds for step in self.steps), 1)

    @property
    def peak_bytes(self) -> int:
        return max((step.cost.peak_bytes for step in self.steps), default=0)

    @property
    def possible(self) -> bool:
        return not self.objections


def forecast(name: str, steps: Sequence[Technique], subject: Subject, costs: Costs) -> Forecast:
    """Every step is asked with what the steps before it are expected to leave, so one look finds all objections."""
    found: list[str] = []
    taken: list[StepForecast] = []
    state, kept_work = subject, 1.0
    for number, step in enumerate(steps, start=1):
        technique = technique_name(step)
        found += [f"step {number} ({technique}): {reason}" for reason in step.objections(state)]
        taken.append(StepForecast(technique, costs.of(step, state)))
        after = step.after(state)
        if after.form == state.form and after.macs and state.macs:  # a change of form has its own row in the table
            kept_work *= min(1.0, after.macs / state.macs)
        state = after
    return Forecast(
        name=name,
        steps=tuple(taken),
        objections=tuple(found),
        size_ratio=round(state.size_bytes / max(1, subject.size_bytes), 4),
        latency_ratio=round(latency_ratio(subject, state, kept_work), 3),
    )


def technique_name(step: Technique) -> str:
    return str(type(step).model_fields["technique"].default)
