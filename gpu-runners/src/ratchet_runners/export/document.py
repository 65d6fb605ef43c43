"""What came of an export, `ratchet.dev/export/v1`. Light: no numpy, no onnx, no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.documents.base import Digest, Document

Target = Literal["onnx", "openvino", "litert", "tensorrt"]
TARGETS: tuple[Target, ...] = ("onnx", "openvino", "litert", "tensorrt")


class ExportedFile(Document):
    #: Relative to the export's folder.
    file: str
    digest: Digest
    size_bytes: int


class Verification(Document):
    """The exported model, loaded again, against ONNX Runtime's answers on the same real rows."""

    rows: int
    #: Of the answers to the first batch.
    shape: tuple[int, ...]
    datatype: str
    #: Largest difference of a number, in units of the largest number that ONNX Runtime answers.
    largest_difference: float
    #: Share of equal answers (scoring.agreement).
    agreement: float
    #: Median over interleaved rounds of exported / ONNX Runtime, with bounds.
    latency_ratio: float
    latency_low: float
    latency_high: float
    #: Why the export must not be used; empty when it may.
    faults: tuple[str, ...]


class Export(Document):
    schema_: Literal["ratchet.dev/export/v1"] = Field(alias="schema", default="ratchet.dev/export/v1")
    target: Target
    source: Digest
    files: tuple[ExportedFile, ...]
    #: Of the packages that wrote the files.
    versions: dict[str, str]
    #: null where there were no rows to compare on.
    verification: Verification | None
    notes: tuple[str, ...] = ()
