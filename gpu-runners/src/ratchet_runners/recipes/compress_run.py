"""Searches the alternatives within the job's time; the best that keeps to the objectives becomes the candidate."""

from __future__ import annotations

from dataclasses import replace

import onnx

from ratchet_runners.documents.report import PlannedAlternative
from ratchet_runners.faults import DataUnusable, InvalidJob
from ratchet_runners.model.normalise import normalise
from ratchet_runners.plan.catalogue import ALTERNATIVES, ORDER, proposed, steps_of, with_batches
from ratchet_runners.plan.costs import Costs, machine_factor
from ratchet_runners.plan.forecast import Forecast, forecast
from ratchet_runners.plan.subject import subject_of_bench
from ratchet_runners.recipes.compress import Compress
from ratchet_runners.recipes.judge import judge
from ratchet_runners.recipes.learning import prepare_torch
from ratchet_runners.recipes.measures import evaluated, measure
from ratchet_runners.recipes.outcome import Made
from ratchet_runners.recipes.search import Search, Tried, Way
from ratchet_runners.recipes.verdict import objections
from ratchet_runners.technique import Subject
from ratchet_runners.workbench import Workbench

#: Time that is kept back for the final evaluation, at most: seconds, and a share of the job's.
EVALUATION_SECONDS, EVALUATION_SHARE = 20.0, 0.15


def compress(config: Compress, reference: onnx.ModelProto, bench: Workbench) -> Made:
    """Validates all alternatives, tries them, and measures the best on rows that the search never saw.

    @throws InvalidJob with every fault of alternatives that are written out; DataUnusable; ModelUnusable
    """
    _demand_rows(config, bench)
    bench.tell("normalise", 0.0, "")
    plain = normalise(reference, bench.rows.input[:32], bench.contract, bench.threads)
    bench = replace(bench, models={**bench.models, "source": plain})
    training = _trains(config)
    subject = subject_of_bench(plain, bench, training)
    costs = Costs(machine_factor())
    ways, impossible = _ways(config, subject, costs)
    plan = planned(subject, costs, training)
    if any(step.needs().torch for way in ways for step in way.steps):
        prepare_torch(bench, "A step")
    search = Search(
        _within(bench), plain, lambda name, model: measure(name, model, reference, bench), config.least_gain
    )

    def made(best: Tried | None, whole: bool) -> Made:
        reasons = tuple(f"{name}: {reason}" for name, reason in impossible)
        found = _made(best, search, reference, replace(bench, tell=_silent), reasons, plan)
        if found.candidate is None or not whole:
            return found
        return replace(found, evaluation=evaluated(found.candidate, reference, bench, config.evaluation))

    search.run(ways, lambda best: bench.offer(made(best, whole=False)))
    ending = made(search.best, whole=False)
    bench.offer(ending)
    return made(search.best, whole=True)


def planned(subject: Subject, costs: Costs, training: bool) -> tuple[PlannedAlternative, ...]:
    """What the whole catalogue would take and bring; without `training` only what needs no torch, because nobody looked
    whether the rest can be trained.
    """
    looked = [name for name in ALTERNATIVES if training or not any(step.needs().torch for step in steps_of(name))]
    return tuple(_planned(forecast(name, steps_of(name), subject, costs)) for name in looked)


def _within(bench: Workbench) -> Workbench:
    """The bench with the time that the search may take: the final evaluation needs some, too."""
    return replace(bench, deadline=bench.deadline - min(EVALUATION_SECONDS, EVALUATION_SHARE * bench.wall_seconds))


def _trains(config: Compress) -> bool:
    """Whether any step that may be tried needs torch: importing it takes seconds and hundreds of megabytes."""
    names = config.propose or (
        () if config.alternatives else tuple(n for n in ORDER[config.cause] if n in ALTERNATIVES)
    )
    steps = [step for each in config.alternatives for step in each.steps]
    return any(step.needs().torch for step in (*steps, *(step for name in names for step in steps_of(name))))


def _planned(expected: Forecast) -> PlannedAlternative:
    return PlannedAlternative(
        name=expected.name,
        objections=expected.objections,
        seconds=expected.seconds,
        peak_bytes=expected.peak_bytes,
        size_ratio=expected.size_ratio,
        latency_ratio=expected.latency_ratio,
    )


def _demand_rows(config: Compress, bench: Workbench) -> None:
    if len(bench.rows) < config.minimum_rows:
        raise DataUnusable(f"Compressing needs at least {config.minimum_rows} usable rows, there are {len(bench.rows)}")
    sides = {
        "train": bench.split.train,
        "choose between candidates": bench.split.select,
        "give the final figures": bench.split.held_back,
    }
    empty = [f"no row is left to {what}" for what, side in sides.items() if not len(side)]
    if empty:
        raise DataUnusable("The rows cannot be split: too many of them are copies or of one entity", empty)


def _ways(config: Compress, subject: Subject, costs: Costs) -> tuple[list[Way], list[tuple[str, str]]]:
    """What is tried, and why proposed alternatives are not. @throws InvalidJob"""
    written = [
        (each.name, tuple(with_batches(step, config.batch_scale) for step in each.steps))
        for each in config.alternatives
    ]
    names = config.propose or (() if written else proposed(config.cause, subject))
    suggested = [(name, steps_of(name, config.batch_scale)) for name in names]
    ways = [
        Way(name, steps, forecast(name, steps, subject, costs))
        for name, steps in (*written, *(each for each in suggested if each[0] not in dict(written)))
    ]
    faults = [f"{way.name}: {fault}" for way in ways[: len(written)] for fault in way.forecast.objections]
    if faults:
        raise InvalidJob(f"{len(faults)} of the steps asked for cannot be done", faults)
    impossible = [(way.name, fault) for way in ways for fault in way.forecast.objections]
    return [way for way in ways if way.forecast.possible], impossible


def _made(
    best: Tried | None,
    search: Search,
    reference: onnx.ModelProto,
    bench: Workbench,
    impossible: tuple[str, ...],
    plan: tuple[PlannedAlternative, ...],
) -> Made:
    alternatives = search.reports()
    if best is None or best.model is None or best.measured is None:
        reasons = tuple(f"{each.name}: {reason}" for each in alternatives for reason in each.reasons)
        return Made(
            None, None, (*reasons, *impossible) or ("nothing is proposed for this job",), {}, (), alternatives, plan
        )
    final = measure("final", best.model, reference, bench, bench.split.held_back)
    figures = judge(best.model, reference, "source", bench.models, bench)
    figures |= {f"held{name[0].upper()}{name[1:]}": value for name, value in final.figures().items()}
    broken = _broken_on_held_back(best, final.loss - (final.loss_bound - final.loss), bench)
    if broken:
        return Made(None, None, (broken, *impossible), figures, best.report.steps, alternatives, plan)
    notes = tuple(note for step in best.report.steps for note in step.notes)
    notes += tuple(f"on held-back rows {reason}" for reason in objections(final, bench.objectives))
    skipped = tuple(f"{each.name}: {', '.join(each.reasons)}" for each in alternatives if each.outcome == "skipped")
    return Made(
        best.model,
        None,
        (f"{best.report.name} was chosen", *notes, *skipped, *impossible),
        figures,
        best.report.steps,
        alternatives,
        plan,
    )


def _broken_on_held_back(best: Tried, least_loss: float, bench: Workbench) -> str | None:
    """The rows that no search saw may take the candidate back, where they leave no doubt."""
    if least_loss <= bench.objectives.maximum_loss:
        return None
    return (
        f"{best.report.name} was the best on the rows that choose, but on held-back rows it loses at least "
        f"{least_loss:.4f}, {bench.objectives.maximum_loss:g} is allowed"
    )


def _silent(step: str, fraction: float, message: str) -> None:
    """Measuring the best so far happens within the search; its progress is the search's."""
