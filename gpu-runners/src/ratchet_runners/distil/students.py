"""What the student starts as."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from ratchet_runners.distil.config import Distil
from ratchet_runners.distil.derive import shallower
from ratchet_runners.distil.warm_start import dequantized
from ratchet_runners.engine.quantized_layout import is_quantized
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.normalise import normalise
from ratchet_runners.prune.channels.config import PruneChannels
from ratchet_runners.registry import technique_of
from ratchet_runners.workbench import Workbench


@dataclass(frozen=True)
class Start:
    model: onnx.ModelProto
    notes: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()


def student_of(config: Distil, model: onnx.ModelProto, bench: Workbench) -> Start:
    """The student before its first lesson. @throws ModelUnusable where it is not there or cannot be derived"""
    match config.student:
        case "incoming":
            return Start(model)
        case "reference":
            return Start(bench.source())
        case "teacher":
            return Start(floated(bench.teacher(), "teacher", bench))
        case "given":
            if "student" not in bench.models:
                raise ModelUnusable("There is no student", ["the job names none as artifacts.student"])
            return Start(floated(bench.models["student"], "student", bench))
        case "derived":
            return _derived(config, bench)


def floated(model: onnx.ModelProto, what: str, bench: Workbench) -> onnx.ModelProto:
    """A model that somebody gave, in full precision and normalised. @throws ModelUnusable"""
    if is_quantized(model):
        found = dequantized(model)
        if found is None:
            raise ModelUnusable(f"The {what} cannot be trained: it is quantized in a way that cannot be undone")
        model = found
    return normalise(model, bench.rows.input[:32], bench.contract, bench.threads)


def _derived(config: Distil, bench: Workbench) -> Start:
    """First fewer blocks, then narrower ones."""
    model, notes = bench.source(), list[str]()
    derivation = config.derivation
    if derivation.depth < 1:

        def tell(fraction: float) -> None:
            bench.tell("derive", fraction, "blocks to leave out")

        made = shallower(model, derivation.depth, derivation.rows, bench, tell)
        model = made.model
        notes.append(f"{len(made.dropped)} of {made.blocks} residual blocks were left out: {', '.join(made.dropped)}")
    if derivation.width is None:
        return Start(model, tuple(notes))
    pruning = PruneChannels(ratio=1 - derivation.width, retrain=False)
    narrower = technique_of(pruning)[1](pruning, model, bench)
    return Start(narrower.model, (*notes, *narrower.notes), narrower.refusals)
