"""The job document, `ratchet.dev/job/v1`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from ratchet_runners.documents.base import Digest, Document, Name, faults_of
from ratchet_runners.faults import InvalidJob

JOB_SCHEMA = "ratchet.dev/job/v1"

RecipeName = Literal["quantize-static", "incremental-distillation", "compress"]


class Classification(Document):
    kind: Literal["classification"]
    classes: int = Field(ge=2)


class Regression(Document):
    kind: Literal["regression"]


class TensorContract(Document):
    """A tensor that the model takes or gives; the first dimension is the batch and is -1."""

    name: str = Field(min_length=1)
    #: Rows come as float32 and are cast; integers up to 2^24 (token ids) survive that exactly.
    datatype: Literal["FP32", "INT64", "INT32"]
    shape: tuple[int, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _only_the_batch_is_free(self) -> TensorContract:
        if self.shape[0] != -1 or any(size < 1 for size in self.shape[1:]):
            raise ValueError("the first dimension must be -1 (the batch), all others at least 1")
        return self

    @property
    def width(self) -> int:
        """Numbers in one row."""
        width = 1
        for size in self.shape[1:]:
            width *= size
        return width


class ModelContract(Document):
    name: Name
    task: Annotated[Classification | Regression, Field(discriminator="kind")]
    input: TensorContract
    output: TensorContract


class FileReference(Document):
    """A file and what its bytes must hash to. A relative path counts from the job document's folder."""

    path: str = Field(min_length=1)
    digest: Digest


class Builder(Document):
    """A function that builds the reference as a torch module. It runs only where the runner's allow-list names it."""

    entry: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", description="package.module:function")
    #: The module's state as safetensors.
    weights: FileReference
    #: Keyword arguments of the function.
    arguments: dict[str, Any] = Field(default_factory=dict)


class Artifacts(Document):
    #: The full-precision version that quality is measured against.
    reference: FileReference
    #: What serves now; may be the reference itself.
    champion: FileReference | None = None
    #: Answers for others to learn from; without it the reference teaches.
    teacher: FileReference | None = None
    #: A smaller full-precision model of the same contract that distillation starts from instead of the reference.
    student: FileReference | None = None
    #: The architecture as code, for the builder engine.
    builder: Builder | None = None


class DataFile(FileReference):
    rows: int = Field(ge=0)
    labelled: int = Field(ge=0)


class SplitPlan(Document):
    """Which rows may train, which choose between what was made, which are seen by no search."""

    by: Literal["request", "entity", "time"] = Field(
        default="request",
        description="request: by a hash of the request id; entity: all rows of an entity on one side; time: the newest "
        "fresh rows are held back, those before them select",
    )
    select: float = Field(default=0.12, gt=0, lt=0.5, description="Share of rows that choose")
    held_back: float = Field(default=0.12, gt=0, lt=0.5, description="Share of rows for the final figures")


class Data(Document):
    train: DataFile
    split: SplitPlan = Field(default_factory=SplitPlan)


class Objectives(Document):
    """What a candidate must keep to; then `favour` decides between those that do."""

    maximum_loss: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Largest loss of the task's metric (without labels: of agreement) in points",
    )
    maximum_latency_ratio: float | None = Field(
        default=None, gt=0, description="p50 of the candidate / of the champion"
    )
    maximum_size_ratio: float | None = Field(
        default=None, gt=0, description="Bytes of the candidate / of the reference"
    )
    minimum_agreement: float | None = Field(
        default=None, ge=0, le=1, description="Share of answers like the reference's"
    )
    favour: Literal["latency", "size", "quality"] = "latency"


class Serving(Document):
    """Where and how the candidate will serve."""

    hardware: Literal["auto", "x86-avx512-vnni", "x86-avx512", "x86-avx2-vnni", "x86-avx2", "arm64", "tensorrt"] = (
        "auto"
    )
    batch_sizes: tuple[int, ...] = Field(default=(1,), min_length=1, max_length=8, description="Rows a request has")
    threads: int = Field(default=1, ge=1, le=1024)


class Limits(Document):
    wall_seconds: float = Field(gt=0)
    max_rss_bytes: int = Field(gt=0)
    threads: int = Field(ge=1, le=1024)


class Job(Document):
    """One attempt of one recipe."""

    schema_: Literal["ratchet.dev/job/v1"] = Field(alias="schema")
    job: Name
    attempt: Name
    model: ModelContract
    recipe: RecipeName
    #: Overrides of the recipe's defaults; its own schema is `schemas/<recipe>.v1.json`.
    parameters: dict[str, Any] = Field(default_factory=dict)
    artifacts: Artifacts
    data: Data
    limits: Limits
    objectives: Objectives = Field(default_factory=Objectives)
    serving: Serving = Field(default_factory=Serving)
    seed: int = Field(default=0, ge=0, le=2**32 - 1)


def read_job(path: Path) -> Job:
    """Reads and validates a job document and its recipe's parameters, and reports all faults together.

    @throws InvalidJob
    """
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidJob(f"The job document {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidJob(f"The job document {path} is no JSON: {error}") from error
    faults: list[str] = []
    job: Job | None = None
    try:
        job = Job.model_validate(content)
    except ValidationError as error:
        faults += faults_of(error)
    faults += _parameter_faults(content)
    if faults or job is None:
        raise InvalidJob(f"The job document {path} has {len(faults)} fault{'s' if len(faults) > 1 else ''}", faults)
    return job


def _parameter_faults(content: object) -> list[str]:
    """Faults of the parameters, looked for even where the rest of the document is wrong too."""
    from ratchet_runners.recipes import PARAMETERS

    if not isinstance(content, dict):
        return []
    recipe: object = content.get("recipe")  # pyright: ignore[reportUnknownMemberType]
    parameters: object = content.get("parameters", {})  # pyright: ignore[reportUnknownMemberType]
    if not isinstance(recipe, str) or recipe not in PARAMETERS or not isinstance(parameters, dict):
        return []
    try:
        PARAMETERS[recipe].model_validate(parameters)
    except ValidationError as error:
        return faults_of(error, "parameters")
    return []
