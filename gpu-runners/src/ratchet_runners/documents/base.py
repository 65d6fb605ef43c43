"""What every document and configuration shares: camelCase in JSON, nothing unknown, frozen."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", description="sha256:<64 hexadecimal digits>")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]


class Document(BaseModel):
    """A JSON object with camelCase names; unknown fields are faults."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid", frozen=True
    )


def faults_of(error: ValidationError, prefix: str = "") -> list[str]:
    """Every fault of a validation as `path: message`."""
    faults: list[str] = []
    for fault in error.errors(include_url=False, include_context=False):
        path = ".".join(str(part) for part in fault["loc"])
        where = ".".join(part for part in (prefix, path) if part)
        faults.append(f"{where or 'document'}: {fault['msg']}")
    return faults
