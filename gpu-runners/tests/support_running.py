"""A bench in this process, and techniques that do what a test tells them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import onnx

from ratchet_runners.data.rows import Rows
from ratchet_runners.data.split import split_rows
from ratchet_runners.documents.job import ModelContract, Objectives
from ratchet_runners.faults import DataUnusable
from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.hardware import PROFILES
from ratchet_runners.plan.costs import Costs
from ratchet_runners.plan.forecast import forecast
from ratchet_runners.recipes.search import Way
from ratchet_runners.recipes.verdict import Measured
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.technique import Cost, Form, Subject, Technique, replaced
from ratchet_runners.workbench import Workbench
from support import CONTRACT, images

HARDWARE = PROFILES["x86-avx512-vnni"]


def rows_of(inputs: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], **more: Any) -> Rows:
    count = len(inputs)
    content: dict[str, Any] = {
        "request_id": tuple(f"r{number}" for number in range(count)),
        "at": np.arange(count, dtype=np.int64),
        "input": inputs,
        "prediction": np.zeros(count),
        "label": labels.astype(np.float64),
        "replay": np.zeros(count, np.bool_),
        "weight": np.ones(count),
        "digest": "sha256:" + "0" * 64,
    }
    return Rows(**{**content, **more})


def silent(step: str, fraction: float, message: str) -> None:
    """Nobody listens."""


def bench_of(rows: Rows | None = None, seconds: float = 60.0, **more: Any) -> Workbench:
    rows = rows_of(*images(400, 1)) if rows is None else rows
    content: dict[str, Any] = {
        "contract": ModelContract.model_validate(CONTRACT),
        "rows": rows,
        "split": split_rows(rows, 7),
        "seed": 7,
        "threads": 1,
        "tell": silent,
        "deadline": time.monotonic() + seconds,
        "wall_seconds": seconds,
        "hardware": HARDWARE,
        "objectives": Objectives(favour="size"),
    }
    return Workbench(**{**content, **more})


def subject(**more: Any) -> Subject:
    known: dict[str, Any] = {
        "form": "float",
        "size_bytes": 1_000_000,
        "weights": 250_000,
        "macs": 10_000_000,
        "operators": {"Conv": 6, "Gemm": 1},
        "untrainable": (),
        "classification": True,
        "rows": 1000,
        "labelled": 500,
        "replay": 0,
        "teacher": False,
        "builder": False,
        "threads": 1,
        "hardware": HARDWARE,
        "installed": frozenset({"torch"}),
    }
    return Subject(**{**known, **more})


class Fake(Technique):
    """Scales the last weight, or fails, refuses or breaks as it is told."""

    TAKES: ClassVar[frozenset[Form]] = frozenset({"float", "qdq"})

    technique: Literal["fake"] = "fake"
    version: Literal[1] = 1
    scale: float = 1.0
    ends: Literal["well", "refuses", "fails", "breaks", "memory"] = "well"
    leaves: Literal["float", "qdq"] = "float"
    seconds: float = 1.0

    def after(self, subject: Subject) -> Subject:
        return replaced(subject, self.leaves, size_ratio=0.5)

    def cost(self, subject: Subject) -> Cost:
        return Cost(self.seconds, 1000)


#: Configurations in the order in which they really ran.
RAN: list[Fake] = []


@technique("fake", Fake)
def fake(config: Fake, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    RAN.append(config)
    bench.tell("fake", 0.5, "")
    if config.ends == "fails":
        raise DataUnusable("There is no such row", ["row 17"])
    if config.ends == "breaks":
        raise ZeroDivisionError("division by zero")
    if config.ends == "memory":
        raise MemoryError
    graph = Graph(copy_of(model))
    name = graph.constant_names[-1]
    graph.set_constant(name, (graph.constant(name) + np.float32(config.scale)).astype(np.float32))
    return StepResult(
        graph.model, {"scale": config.scale}, (), ("it is no better",) if config.ends == "refuses" else ()
    )


def way(name: str, *steps: Technique) -> Way:
    return Way(name, steps, forecast(name, steps, subject(), Costs()))


def measured(**more: Any) -> Measured:
    known = Measured(0.0, 0.0, "labels", 1000, 1.0, 0.5, 0.5, 0.25, 250_000)
    return replace(known, **more)
