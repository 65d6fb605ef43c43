"""The committed JSON schemas, generated from the pydantic models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ratchet_runners.documents.job import Job
from ratchet_runners.documents.report import Failure, ProgressEvent, Report
from ratchet_runners.evaluate.document import Evaluation
from ratchet_runners.export.document import Export
from ratchet_runners.recipes import PARAMETERS


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by its file name."""
    documents: dict[str, type[BaseModel]] = {
        "job.v1": Job,
        "report.v1": Report,
        "error.v1": Failure,
        "progress.v1": ProgressEvent,
        "evaluation.v1": Evaluation,
        "export.v1": Export,
        **{f"{recipe}.v1": parameters for recipe, parameters in PARAMETERS.items()},
    }
    return {
        f"{name}.json": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"ratchet.dev/{name.replace('.', '/')}",
            **document.model_json_schema(by_alias=True),
        }
        for name, document in documents.items()
    }


def text(schema: dict[str, Any]) -> str:
    """A schema as it is committed."""
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def write(folder: Path) -> list[Path]:
    """Writes every schema into `folder`; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, schema in schemas().items():
        path = folder / name
        path.write_text(text(schema), encoding="utf-8")
        written.append(path)
    return written
