"""The documents: schemas as committed, golden files on both sides of the border, all faults at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ratchet_runners.documents.job import Job, read_job
from ratchet_runners.documents.report import Failure, ProgressEvent, Report
from ratchet_runners.documents.schemas import schemas, text
from ratchet_runners.faults import InvalidJob
from ratchet_runners.recipes import PARAMETERS, PLANS
from support import ROOT, write_job

EXAMPLES = ROOT / "schemas" / "examples"
KINDS = {"job": Job, "report": Report, "error": Failure, "progress": ProgressEvent}


@pytest.mark.parametrize("name", sorted(schemas()))
def test_committed_schema_is_the_generated_one(name: str) -> None:
    """`python -m ratchet_runners schema --write schemas` brings them up to date."""
    assert (ROOT / "schemas" / name).read_text() == text(schemas()[name])


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_golden_file_is_read_and_written_unchanged(path: Path) -> None:
    content = json.loads(path.read_text())
    document = KINDS[path.name.split(".")[0]].model_validate(content)
    # What a golden file leaves out is left to its default, and must not appear.
    assert json.loads(document.model_dump_json(by_alias=True, exclude_unset=True)) == content
    if isinstance(document, Job):
        PARAMETERS[document.recipe].model_validate(document.parameters)


def test_every_recipe_plans_its_whole_time() -> None:
    assert set(PLANS) == set(PARAMETERS)
    for plan in PLANS.values():
        assert sum(plan.values()) == pytest.approx(1)


def test_all_faults_of_a_job_are_told_together(tmp_path: Path) -> None:
    job = write_job(
        tmp_path,
        limits__threads=0,
        model__input={"name": "input", "datatype": "FP16", "shape": [1, 0]},
        artifacts__reference__digest="md5:1234",
        parameters={"method": "guess", "calibrationRow": 5},
        surprise=True,
    )
    with pytest.raises(InvalidJob) as caught:
        read_job(job)
    told = "\n".join(caught.value.faults)
    for path in (
        "limits.threads",
        "model.input.datatype",
        "artifacts.reference.digest",
        "parameters.method",
        "parameters.calibrationRow",
        "surprise",
    ):
        assert path in told


@pytest.mark.parametrize(
    ("content", "told"), [("{", "no JSON"), ("[]", "1 fault"), ("{}", "fault"), (None, "cannot be read")]
)
def test_a_document_that_is_none(tmp_path: Path, content: str | None, told: str) -> None:
    path = tmp_path / "job.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidJob, match=told):
        read_job(path)
