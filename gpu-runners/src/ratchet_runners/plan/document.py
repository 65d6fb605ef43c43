"""What `plan` says, `ratchet.dev/plan/v1`, and how a person reads it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.columns import aligned
from ratchet_runners.documents.base import Digest, Document
from ratchet_runners.documents.report import PlannedAlternative

PLAN_SCHEMA = "ratchet.dev/plan/v1"


class PlannedModel(Document):
    """The model as the plan knows it."""

    digest: Digest
    size_bytes: int = Field(ge=0)
    weights: int = Field(ge=0)
    #: Multiply-accumulate operations for one row; null where shapes do not tell.
    macs: int | None
    form: str
    #: Operators that cannot be trained.
    untrainable: tuple[str, ...]


class Plan(Document):
    """Alternatives in the order in which they would be tried; those that cannot be done come last, with the reasons."""

    schema_: Literal["ratchet.dev/plan/v1"] = Field(alias="schema", default=PLAN_SCHEMA)
    cause: str
    model: PlannedModel
    hardware: str
    #: Seconds here for one second on the machine that costs were declared for.
    machine_factor: float
    rows: int = Field(ge=0)
    labelled: int = Field(ge=0)
    alternatives: tuple[PlannedAlternative, ...]
    #: Techniques of each alternative, in order.
    steps: dict[str, tuple[str, ...]]


def table_of(plan: Plan) -> str:
    """For a terminal."""
    known = (
        f"{plan.model.weights:,} weights, {plan.model.size_bytes:,} bytes, {plan.rows} rows ({plan.labelled} labelled)"
    )
    lines = [known, f"hardware {plan.hardware}; for {plan.cause}", ""]
    rows = [("ALTERNATIVE", "SECONDS", "MEMORY", "SIZE", "LATENCY", "STEPS")]
    for each in plan.alternatives:
        if not each.objections:
            memory = f"{each.peak_bytes / 2**20:.0f} MiB"
            figures = (f"{each.seconds:g}", memory, f"{each.size_ratio:.2f}", f"{each.latency_ratio:.2f}")
            rows.append((each.name, *figures, " → ".join(plan.steps[each.name])))
    lines += aligned(rows)
    refused = [(each.name, reason) for each in plan.alternatives for reason in each.objections]
    if refused:
        lines += ["", "Cannot be done here:", *(f"  {name}: {reason}" for name, reason in refused)]
    return "\n".join(lines)
