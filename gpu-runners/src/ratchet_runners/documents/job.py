"""The job document, `ratchet.dev/job/v1`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from ratchet_runners.documents.base import Digest, Document, Name, faults_of
from ratchet_runners.faults import InvalidJob

JOB_SCHEMA = "ratchet.dev/job/v1"

RecipeName = Literal["quantize-static", "incremental-distillation"]


class Classification(Document):
    kind: Literal["classification"]
    classes: int = Field(ge=2)


class Regression(Document):
    kind: Literal["regression"]


class TensorContract(Document):
    """A tensor that the model takes or gives; the first dimension is the batch and is -1."""

    name: str = Field(min_length=1)
    datatype: Literal["FP32"]
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


class Artifacts(Document):
    #: The full-precision version that quality is measured against.
    reference: FileReference
    #: What serves now; may be the reference itself.
    champion: FileReference | None = None


class DataFile(FileReference):
    rows: int = Field(ge=0)
    labelled: int = Field(ge=0)


class Data(Document):
    train: DataFile


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
