"""Rounds of removal, new Q/DQ pairs, and training with fake quantization towards the teacher."""

from __future__ import annotations

from dataclasses import dataclass, field

import onnx
import torch

from ratchet_runners.data.rows import Floats
from ratchet_runners.engine.parity import parity
from ratchet_runners.engine.quantized import QuantizedModule, masters_of
from ratchet_runners.engine.quantized_layout import layout_of
from ratchet_runners.engine.quantized_masters import back_to_float
from ratchet_runners.joint.config import Joint
from ratchet_runners.model.normalise import normalise
from ratchet_runners.model.scoring import score
from ratchet_runners.prune.choose import Limits, Widths, lowest, narrowed, on_the_way, planned
from ratchet_runners.prune.groups import Structure, analyse
from ratchet_runners.prune.importance import Score, magnitude
from ratchet_runners.prune.moments import match_moments
from ratchet_runners.prune.surgery import remove
from ratchet_runners.prune.taylor import taylor
from ratchet_runners.quantize.aware.lesson import Lesson
from ratchet_runners.quantize.aware.placing import Placed, place_pairs
from ratchet_runners.quantize.aware.ranges import ranges_of
from ratchet_runners.quantize.aware.training import figures_of, train_quantized
from ratchet_runners.quantize.calibration.ranges import Ranges
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench


@dataclass
class _Work:
    """What the rounds share and note down."""

    config: Joint
    bench: Workbench
    lesson: Lesson
    #: The teacher's answers on the rows that importance is measured on.
    taught: Floats
    notes: list[str] = field(default_factory=list[str])
    figures: dict[str, float | None] = field(default_factory=dict[str, float | None])


@technique("joint", Joint)
def joint(config: Joint, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """A smaller graph in integers, of the same contract. Refused when nothing can be removed, or when ONNX Runtime does
    not answer what was trained.

    @throws DataUnusable, ModelUnusable
    """
    torch.set_num_threads(bench.threads)
    bench.tell("normalise", 0.0, "")
    plain = normalise(model, bench.rows.input[bench.split.train[:32]], bench.contract, bench.threads)
    work = _begin(config, bench)
    structure = analyse(plain)
    widths = planned(structure.free, _scores(work, structure), config.ratio, _limits(config, bench))
    if not widths:
        return StepResult(plain, refusals=("nothing can be pruned: every layer is as narrow as its limits allow",))
    sizes = {group.name: group.size for group in structure.free}
    current, carried = plain, Ranges()
    made: tuple[Placed, QuantizedModule] | None = None
    for number in range(1, config.rounds + 1):
        pruned = _removed(work, current, on_the_way(sizes, widths, number / config.rounds))
        placed = place_pairs(config.quantize, pruned, bench, carried)
        if placed.refusals:
            return StepResult(placed.model, placed.figures, placed.notes, placed.refusals)
        module = _trained(work, placed, number)
        made, carried = (placed, module), ranges_of(module)
        current = back_to_float(placed.source, placed.model, layout_of(placed.model), masters_of(module))
    assert made is not None  # there is at least one round
    return _finished(work, *made, sizes, widths)


def _begin(config: Joint, bench: Workbench) -> _Work:
    quantize = config.quantize
    lesson = Lesson(quantize.training, quantize.minimum_rows, quantize.replay_share, bench.teacher(), bench)
    rows = lesson.training[: config.importance_rows]
    taught = score(bench.teacher(), bench.rows.input[rows], bench.contract, bench.threads)
    return _Work(config, bench, lesson, taught.reshape(len(rows), -1))


def _limits(config: Joint, bench: Workbench) -> Limits:
    return Limits(
        block=config.width_multiple or bench.hardware.channel_block,
        feature_block=config.width_multiple or 8,
        minimum_width=config.minimum_width,
    )


def _scores(work: _Work, structure: Structure) -> Score:
    if work.config.importance == "magnitude":
        return magnitude(structure)
    rows = work.bench.rows.input[work.lesson.training[: work.config.importance_rows]]
    return taylor(structure, rows, work.taught, work.bench.contract, work.bench.seed)


def _removed(work: _Work, current: onnx.ModelProto, wanted: Widths) -> onnx.ModelProto:
    """The float graph with these widths; its layers' moments are those from before."""
    structure = analyse(current)
    removal = lowest(structure.free, _scores(work, structure), wanted)
    if not removal:
        return structure.model
    pruned = remove(structure.model, removal, structure)
    bench, count = work.bench, work.config.repair_rows
    if not count:
        return pruned
    rows = bench.rows.input[work.lesson.training[:count]]
    seconds = bench.seconds_left(work.config.quantize.training.wall_share)
    return match_moments(pruned, structure, removal, rows, bench.contract, bench.threads, seconds).model


def _trained(work: _Work, placed: Placed, number: int) -> QuantizedModule:
    config, bench, training = work.config, work.bench, work.config.quantize.training
    last = number == config.rounds
    share = (
        1.0 if config.rounds == 1 else config.final_share if last else (1 - config.final_share) / (config.rounds - 1)
    )
    # Only the last round has to end at the weights' own widths: before it, none of the steps is spent on wider ones.
    settings = training.model_copy(
        update={
            "steps": max(1, round(training.steps * share)),
            "progressive_widths": training.progressive_widths if last else (),
        }
    )
    left = bench.seconds_left(training.wall_share)
    rest = config.final_share + (1 - config.final_share) * (config.rounds - number) / max(1, config.rounds - 1)
    module = QuantizedModule(placed.model, bench.contract.input.name, bench.contract.output.name, placed.source)
    trained = train_quantized(
        module, settings, work.lesson, left if last else left * share / rest, f"round {number}", bench
    )
    work.figures |= {**placed.figures, **figures_of(trained, work.lesson)}
    work.figures["steps"] = (work.figures.get("allSteps") or 0.0) + trained.steps
    work.figures["allSteps"] = work.figures["steps"]
    if trained.cut_short:
        work.notes.append(f"the time limit cut training short in round {number} of {config.rounds}")
    return module


def _finished(work: _Work, placed: Placed, module: QuantizedModule, sizes: Widths, widths: Widths) -> StepResult:
    written = module.write_back()
    checked = parity(module, written, work.lesson.selection, work.bench)
    figures = {**work.figures, **checked.figures(), "rounds": float(work.config.rounds)}
    figures.pop("allSteps", None)
    notes = (*placed.notes, *work.notes, *narrowed(sizes, widths))
    return StepResult(written, figures, notes, checked.refusals)
