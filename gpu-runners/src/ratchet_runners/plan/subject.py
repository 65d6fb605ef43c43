"""The subject of a job: what is known of its model, data and machine before anything runs."""

from __future__ import annotations

from pathlib import Path

import onnx

from ratchet_runners.documents.job import Serving
from ratchet_runners.model.footprint import subject_of
from ratchet_runners.model.hardware import PROFILES, detect
from ratchet_runners.technique import HardwareProfile, Subject
from ratchet_runners.workbench import Workbench


def hardware_of(serving: Serving) -> HardwareProfile:
    """Where the candidate will serve: the named profile, or this machine's."""
    return detect() if serving.hardware == "auto" else PROFILES[serving.hardware]


def subject_of_bench(model: onnx.ModelProto, bench: Workbench, training: bool = True) -> Subject:
    """Counts are of the rows that steps may use: those that select or are held back do not calibrate or train.

    `training`: whether it must be known which operators cannot be trained; imports torch for it.
    """
    return subject_of(
        model,
        bench.contract,
        bench.rows.take(bench.split.train),
        threads=bench.threads,
        hardware=bench.hardware,
        teacher="teacher" in bench.models,
        builder=bench.builder is not None,
        gpu=gpu_visible(),
        training=training,
    )


def gpu_visible() -> bool:
    """Whether the kernel shows an NVIDIA device; asks no driver, so it costs nothing and cannot hang."""
    return any(Path("/dev").glob("nvidia[0-9]*"))
