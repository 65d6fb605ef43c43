"""The report, `ratchet.dev/report/v1`, and the one line that is left when there is no report."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ratchet_runners.documents.base import Digest, Document, Name

REPORT_SCHEMA = "ratchet.dev/report/v1"


class ReportedArtifact(Document):
    """A file beside the report. `parent` is the version that it was made from."""

    file: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    digest: Digest
    kind: Literal["compressed", "reference"]
    parent: Digest
    size_bytes: int = Field(ge=0)


class ReportedInputs(Document):
    """Digests of the bytes that were really read, verified before anything was made of them."""

    reference: Digest
    #: null when the reference serves itself and was read once.
    champion: Digest | None
    train: Digest


class ReportedData(Document):
    """How many rows were asked for and how many were really used, because a silent difference spoils calibrations."""

    digest: Digest
    requested: int = Field(ge=0)
    used: int = Field(ge=0)
    labelled: int = Field(ge=0)
    replay: int = Field(ge=0)
    #: How many of the used rows each side got; copies of rows that are held back may be on none.
    split: ReportedSplit | None = None


class ReportedSplit(Document):
    """Rows for training and calibration, for choosing, and for the final figures; none is on two sides."""

    by: Literal["request", "entity", "time"]
    train: int = Field(ge=0)
    select: int = Field(ge=0)
    held_back: int = Field(ge=0)
    #: Entities that the file names; null where it names none.
    entities: int | None = Field(default=None, ge=0)


class ReportedStep(Document):
    technique: str
    version: int = Field(ge=1)
    config: dict[str, Any]
    #: What the step took; of one that was found finished, what it took then.
    seconds: float = Field(ge=0)
    #: What it was expected to take on this machine, before past reports were asked.
    expected_seconds: float | None = Field(default=None, ge=0)
    #: Digest of the model that the step made.
    output: Digest | None = None
    #: Whether it was found finished in the output folder.
    resumed: bool = False
    figures: dict[str, float | None] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()


class PlannedAlternative(Document):
    """What an alternative of the catalogue was expected to take and to bring, whether it was tried or not."""

    name: Name
    #: Why it cannot be done with this model, data or machine; empty where it can.
    objections: tuple[str, ...]
    seconds: float = Field(ge=0)
    peak_bytes: int = Field(ge=0)
    #: Candidate / source.
    size_ratio: float = Field(ge=0)
    latency_ratio: float = Field(ge=0)


class ReportedAlternative(Document):
    """One way that was tried, or why it was not. `figures` were measured on the rows that choose."""

    name: Name
    #: chosen: became the candidate. eligible: keeps to the objectives, another one is better. rejected: measured, and
    #: against the objectives. refused: a step would not let it become a candidate. failed: a step could not work.
    #: skipped: not tried.
    outcome: Literal["chosen", "eligible", "rejected", "refused", "failed", "skipped"]
    reasons: tuple[str, ...]
    figures: dict[str, float | None] = Field(default_factory=dict)
    #: Of the model that came out.
    digest: Digest | None = None
    size_bytes: int | None = Field(default=None, ge=0)
    #: Whether no other measured alternative is at least as good in everything (loss, latency, size) and better in one.
    pareto: bool = False
    seconds: float = Field(ge=0)
    steps: tuple[ReportedStep, ...] = ()


class Report(Document):
    """What came of one attempt. "No candidate", with reasons, is a good answer."""

    schema_: Literal["ratchet.dev/report/v1"] = Field(alias="schema")
    job: Name
    attempt: Name
    outcome: Literal["candidate", "no-candidate"]
    #: Why there is no candidate; or what a reader of a candidate should know.
    reasons: tuple[str, ...]
    artifacts: tuple[ReportedArtifact, ...]
    read: ReportedInputs
    data: ReportedData
    #: Measured on rows that no step trained or calibrated on; null where there were no labels.
    figures: dict[str, float | None]
    steps: tuple[ReportedStep, ...]
    versions: dict[str, str]
    seed: int
    command: str
    wall_seconds: float = Field(ge=0)
    peak_rss_bytes: int = Field(ge=0)
    #: Everything that was tried, in that order; empty for recipes that try one thing.
    alternatives: tuple[ReportedAlternative, ...] = ()
    #: The candidate on the rows that no search saw: the document of `evaluate`.
    evaluation: dict[str, Any] | None = None
    #: What the catalogue was expected to take and to bring for this model; those who plan remedies start from it.
    plan: tuple[PlannedAlternative, ...] = ()
    #: Profile of the machine that the candidate is made for.
    hardware: str | None = None
    objectives: dict[str, Any] | None = None


class Failure(Document):
    """`error.json`: one line, written when there is no report."""

    code: str
    message: str
    faults: tuple[str, ...] = ()


class ProgressEvent(Document):
    """One line of `progress.jsonl`."""

    at: str
    step: str
    fraction: float = Field(ge=0, le=1)
    message: str
    remaining_seconds: float | None
