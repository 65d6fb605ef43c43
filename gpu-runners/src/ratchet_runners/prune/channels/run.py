"""Rounds of pruning, repair and distillation."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from math import ceil

import numpy as np
import onnx

from ratchet_runners.data.rows import Floats, Indices
from ratchet_runners.data.split import with_replay
from ratchet_runners.faults import DataUnusable, ModelUnusable
from ratchet_runners.model.normalise import normalise
from ratchet_runners.model.scoring import score, serialise
from ratchet_runners.prune import costs
from ratchet_runners.prune.channels.config import PruneChannels, Scope
from ratchet_runners.prune.choose import (
    Limits,
    Widths,
    candidates,
    lowest,
    narrowed,
    on_the_way,
    planned,
    planned_for,
)
from ratchet_runners.prune.groups import Kind, Structure, analyse
from ratchet_runners.prune.importance import Score, activation, magnitude
from ratchet_runners.prune.moments import match_moments
from ratchet_runners.prune.surgery import Removal, gone_atoms, remove
from ratchet_runners.prune.verify import verify
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench

KINDS: dict[Scope, Kind] = {
    "channels": "channels",
    "heads": "heads",
    "feedForward": "features",
    "recurrent": "hidden",
}
#: Share of the time left for training that a round before the last one may take, of what the last one may.
ROUND_TIME = 0.4


@dataclass
class _Work:
    """What the rounds share and note down."""

    config: PruneChannels
    bench: Workbench
    rows: Indices
    taught: Floats
    #: Whether the graph can be trained; rounds without training would only lose more.
    trains: bool
    notes: list[str] = field(default_factory=list[str])
    figures: dict[str, float | None] = field(default_factory=dict[str, float | None])


@technique("prune-channels", PruneChannels)
def prune_channels(config: PruneChannels, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """A smaller graph of the same contract. Learns from `bench.teacher()`, from labels only where rows have some.

    @throws DataUnusable, ModelUnusable
    """
    work, plain = _begin(config, model, bench)
    structure = analyse(plain)
    limits = _limits(config, structure, bench)
    scores = _scores(work, structure, 0.0)
    widths = _planned(work, structure, scores, limits)
    if not widths:
        return StepResult(plain, refusals=(_why_not(structure, limits),))
    rounds = _rounds(work, structure, widths)
    sizes = {group.name: group.size for group in structure.free}
    nothing = gone_atoms(structure, Removal())
    before = (costs.macs(structure, nothing), costs.weights(structure, nothing))
    current = structure.model
    for number in range(1, rounds + 1):
        if number > 1:
            structure = analyse(current)
            scores = _scores(work, structure, (number - 1) / rounds)
        removal = lowest(structure.free, scores, on_the_way(sizes, widths, number / rounds))
        pruned = remove(current, removal, structure)
        bench.tell("prune", (number - 0.5) / rounds, f"round {number} of {rounds}")
        pruned = _repaired(work, pruned, structure, removal)
        current = _retrained(work, pruned, number, rounds)
    verify(current, model, bench.rows.input[work.rows[:64]], bench.contract, bench.threads)
    _report(work, current, plain, before, rounds)
    work.notes += narrowed(sizes, widths)
    return StepResult(current, work.figures, tuple(work.notes))


def _begin(config: PruneChannels, model: onnx.ModelProto, bench: Workbench) -> tuple[_Work, onnx.ModelProto]:
    rows = with_replay(bench.rows, bench.split.train, len(bench.split.train), config.replay_share)
    if len(rows) < config.NEEDS.rows:
        raise DataUnusable(f"Pruning needs at least {config.NEEDS.rows} rows, there are {len(rows)}")
    bench.tell("normalise", 0.0, "")
    plain = normalise(model, bench.rows.input[rows[:32]], bench.contract, bench.threads)
    needed = np.concatenate([rows, bench.split.select])
    width = int(np.prod(bench.contract.output.shape[1:]))
    taught = np.zeros((len(bench.rows), width), dtype=np.float32)
    answers = score(
        bench.teacher(),
        bench.rows.input[needed],
        bench.contract,
        bench.threads,
        lambda fraction: bench.tell("teach", fraction, "soft targets"),
    )
    taught[needed] = answers.reshape(len(needed), -1)
    work = _Work(config, bench, rows, taught, True)
    if find_spec("torch") is None:
        work.trains = False
        work.notes.append("torch is not installed: one round with closed-form repair, and no training")
    else:
        from ratchet_runners.engine.module import unsupported_operators

        missing = unsupported_operators(plain)
        if missing:
            work.trains = False
            listed = ", ".join(missing)
            work.notes.append(f"one round with closed-form repair, no training: the engine does not know {listed}")
    return work, plain


def _limits(config: PruneChannels, structure: Structure, bench: Workbench) -> Limits:
    skip = set(config.skip_layers)
    known = {layer for group in structure.groups for layer in group.layers}
    if skip - known:
        raise ModelUnusable("No such layers to skip", sorted(skip - known))
    if config.skip_first:
        inputs = set(structure.trace.graph.inputs)
        nodes = structure.trace.graph.nodes
        skip |= {layer for layer in known if inputs & set(nodes[layer].input)}
    return Limits(
        block=config.width_multiple or bench.hardware.channel_block,
        feature_block=config.width_multiple or 8,
        minimum_width=config.minimum_width,
        largest_ratio=config.largest_layer_ratio,
        kinds=frozenset(KINDS[scope] for scope in config.scope),
        skip=frozenset(skip),
        ranked=config.ranking == "global",
    )


def _scores(work: _Work, structure: Structure, fraction: float) -> Score:
    config, bench = work.config, work.bench
    chosen = work.rows[: config.importance_rows]
    rows = bench.rows.input[chosen]

    def tell(_: float) -> None:
        bench.tell("prune", fraction, "importance")

    if config.importance == "magnitude":
        return magnitude(structure)
    if config.importance == "taylor" and work.trains:
        from ratchet_runners.prune.taylor import taylor

        return taylor(structure, rows, work.taught[chosen], bench.contract, bench.seed, tell)
    if config.importance == "taylor":
        work.notes.append("ranked by activations: derivatives of the loss need training")
    return activation(structure, rows, bench.contract, bench.threads, tell)


def _planned(work: _Work, structure: Structure, scores: Score, limits: Limits) -> Widths:
    config, groups = work.config, structure.free
    macs, size = config.target_macs, config.target_size
    if macs is None and size is None:
        return planned(groups, scores, config.ratio or 0.5, limits)
    nothing = gone_atoms(structure, Removal())
    whole = (costs.macs(structure, nothing), costs.size_bytes(structure, nothing))

    def fits(widths: Widths) -> bool:
        gone = gone_atoms(structure, lowest(groups, scores, widths))
        if macs is not None:
            return costs.macs(structure, gone) <= macs * whole[0]
        return costs.size_bytes(structure, gone) <= (size or 1.0) * whole[1]

    widths, ratio = planned_for(groups, scores, fits, limits)
    if not fits(widths):
        work.notes.append("the target cannot be reached: every layer was pruned as far as the limits allow")
    work.figures["chosenRatio"] = ratio
    return widths


def _rounds(work: _Work, structure: Structure, widths: Widths) -> int:
    if not work.trains or not work.config.retrain:
        return 1
    shares = [1 - width / structure.group(name).size for name, width in widths.items()]
    return max(work.config.rounds, ceil(max(shares) / work.config.largest_round - 1e-9))


def _repaired(work: _Work, pruned: onnx.ModelProto, structure: Structure, removal: Removal) -> onnx.ModelProto:
    config, bench = work.config, work.bench
    if not config.repair_rows or not removal:
        return pruned
    rows = bench.rows.input[work.rows[: config.repair_rows]]
    seconds = bench.seconds_left(config.wall_share)
    repair = match_moments(pruned, structure, removal, rows, bench.contract, bench.threads, seconds)
    if repair.matched < repair.layers:
        work.notes.append(f"the time limit left {repair.layers - repair.matched} of {repair.layers} layers unmatched")
    return repair.model


def _retrained(work: _Work, pruned: onnx.ModelProto, number: int, rounds: int) -> onnx.ModelProto:
    config, bench = work.config, work.bench
    steps = config.final_steps if number == rounds else config.round_steps
    if not work.trains or not config.retrain or not steps:
        return pruned
    from ratchet_runners.prune.retrain import Lesson, retrain

    selection = bench.split.select if len(bench.split.select) else work.rows
    lesson = Lesson(
        work.rows,
        selection,
        work.taught,
        config.batch_size,
        config.learning_rate,
        config.temperature,
        config.alpha,
    )
    share = 1.0 if number == rounds else ROUND_TIME / (ROUND_TIME * (rounds - number) + 1)
    seconds = bench.seconds_left(config.wall_share) * share

    def tell(fraction: float, message: str) -> None:
        bench.tell("prune", (number - 0.5 + 0.5 * fraction) / rounds, f"round {number} of {rounds}, {message}")

    trained, outcome = retrain(pruned, lesson, bench, steps, seconds, tell)
    work.figures["steps"] = (work.figures.get("steps") or 0.0) + outcome.steps
    work.figures["selectionLoss"] = -outcome.best
    if outcome.cut_short:
        work.notes.append(f"the time limit cut distillation short in round {number} of {rounds}")
    return trained


def _report(work: _Work, made: onnx.ModelProto, plain: onnx.ModelProto, before: tuple[float, int], rounds: int) -> None:
    structure = analyse(made)
    nothing = gone_atoms(structure, Removal())
    macs, weights = costs.macs(structure, nothing), costs.weights(structure, nothing)
    work.figures |= {
        "rounds": float(rounds),
        "weights": float(weights),
        "removedWeights": float(before[1] - weights),
        "macs": macs,
        "removedMacs": before[0] - macs,
        "bytes": float(len(serialise(made))),
        "removedBytes": float(len(serialise(plain)) - len(serialise(made))),
    }


def _why_not(structure: Structure, limits: Limits) -> str:
    """For people: what stands in the way."""
    able = candidates(structure.groups, limits)
    if not structure.free:
        reasons = dict.fromkeys(f"{group.name}: {group.reason}" for group in structure.groups)
        return "nothing can be pruned: " + ("; ".join(list(reasons)[:8]) or "no layer has weights")
    if not able:
        kinds = sorted({group.kind for group in structure.free})
        return f"nothing can be pruned within the scope: what could be is of kind {', '.join(kinds)}"
    widths = ", ".join(f"{group.name} {group.size * group.width}" for group in able[:8])
    return (
        f"every layer is as narrow as its limits allow ({widths}): widths are multiples of {limits.block} channels and "
        f"at least {limits.minimum_width}; a smaller widthMultiple saves bytes, though seldom time"
    )
