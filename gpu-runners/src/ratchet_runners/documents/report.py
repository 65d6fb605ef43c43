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


class ReportedStep(Document):
    technique: str
    version: int = Field(ge=1)
    config: dict[str, Any]
    seconds: float = Field(ge=0)
    figures: dict[str, float | None] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()


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
