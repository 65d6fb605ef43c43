"""One evaluation for all: candidates beside their reference, on the same real rows, by ONNX Runtime."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import onnx

from ratchet_runners.data.digest import digest_of_bytes
from ratchet_runners.data.rows import Floats, Indices, Inputs, Rows
from ratchet_runners.documents.job import Classification
from ratchet_runners.evaluate.calibration import calibration_of
from ratchet_runners.evaluate.document import (
    Calibration,
    Estimate,
    Evaluation,
    Execution,
    Fidelity,
    LatencyFigures,
    Robustness,
    Size,
    Starting,
)
from ratchet_runners.evaluate.fidelity import agreement_of, divergence_of, is_sequence, probabilities, warping_of
from ratchet_runners.evaluate.latency import FEWEST_ROUNDS, LAYOUTS, Rounds, compare, measure
from ratchet_runners.evaluate.options import EvaluationOptions
from ratchet_runners.evaluate.quality import quality_of
from ratchet_runners.evaluate.robustness import (
    Disturbed,
    Question,
    not_applicable,
    truth_of,
    under_attack,
    under_noise,
)
from ratchet_runners.evaluate.running import execution_of
from ratchet_runners.evaluate.starting import ChildFailed, starting_of
from ratchet_runners.evaluate.texts import NoEncoder, texts_alike
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.footprint import footprint
from ratchet_runners.model.load import contract_faults
from ratchet_runners.model.scoring import predictions, score, serialise, session_of
from ratchet_runners.workbench import Workbench

#: Rows whose courses are aligned: warping takes Python's time.
MOST_COURSES = 300


@dataclass
class _Parts:
    """What is found of one candidate, piece by piece."""

    outputs: Floats
    robustness: list[Robustness] = field(default_factory=list[Robustness])
    latency: list[LatencyFigures] = field(default_factory=list[LatencyFigures])
    starting: Starting | None = None
    execution: Execution | None = None
    unavailable: dict[str, str] = field(default_factory=dict[str, str])


def evaluate(
    candidates: Mapping[str, onnx.ModelProto],
    reference: onnx.ModelProto,
    bench: Workbench,
    options: EvaluationOptions | None = None,
    positions: Indices | None = None,
) -> dict[str, Evaluation]:
    """Everything about each candidate, by name. `positions` are rows; by default those that were held back.

    The same models, rows, options and seed give the same document but for what is timed (`latency`, `starting`,
    `execution.shares`, `seconds`). Progress is told as the step `evaluate`.
    @throws ModelUnusable when a model breaks the contract, does not run, or answers with numbers that are not finite
    """
    started = time.monotonic()
    options = options or EvaluationOptions()
    rows = bench.rows.take(bench.split.held_back if positions is None else positions)
    if not len(rows):
        raise ModelUnusable("There are no rows to evaluate on")
    truth = _outputs(reference, "the reference", rows, bench)
    parts: dict[str, _Parts] = {}
    for number, (name, model) in enumerate(candidates.items()):
        bench.tell("evaluate", 0.4 * number / len(candidates), f"scoring {name}")
        parts[name] = _Parts(_outputs(model, name, rows, bench))
    _disturb(candidates, reference, truth, rows, parts, options, bench)
    bench.tell("evaluate", 0.7, "measuring latency")
    _time(candidates, reference, rows, parts, options, bench)
    reference_starting = _run_apart(candidates, reference, rows, parts, options, bench)
    size = _size(reference, rows)
    made: dict[str, Evaluation] = {}
    for name, model in candidates.items():
        answers = predictions(parts[name].outputs, bench.contract), predictions(truth, bench.contract)
        made[name] = Evaluation(
            candidate=_size(model, rows),
            reference=size,
            rows=len(rows),
            labelled=int(rows.labelled.sum()),
            quality=quality_of(*answers, rows, bench.contract, options, bench.seed),
            fidelity=_fidelity(parts[name], truth, options, bench),
            calibration=_calibration(parts[name].outputs, truth, rows, options, bench),
            robustness=tuple(parts[name].robustness),
            latency=tuple(parts[name].latency),
            starting=parts[name].starting,
            reference_starting=reference_starting,
            execution=parts[name].execution,
            unavailable=parts[name].unavailable,
            hardware=bench.hardware.name,
            detail=options.detail,
            seed=bench.seed,
            seconds=round(time.monotonic() - started, 3),
        )
    bench.tell("evaluate", 1.0, "")
    return made


def _outputs(model: onnx.ModelProto, name: str, rows: Rows, bench: Workbench) -> Floats:
    faults = contract_faults(model, bench.contract)
    if faults:
        raise ModelUnusable(f"The model {name} breaks the contract", faults)
    outputs = score(model, rows.input, bench.contract, bench.threads)
    if not np.isfinite(outputs).all():
        raise ModelUnusable(f"The model {name} answers real rows with numbers that are not finite")
    return outputs


def _size(model: onnx.ModelProto, rows: Rows) -> Size:
    found = footprint(model, rows.input[:1])
    return Size(
        digest=digest_of_bytes(serialise(model)),
        bytes=found.size_bytes,
        gzip_bytes=found.gzip_bytes,
        parameters=found.parameters,
        precision={str(bits): number for bits, number in found.precision.items()},
        macs=found.macs,
        form=found.form,
    )


def _fidelity(part: _Parts, truth: Floats, options: EvaluationOptions, bench: Workbench) -> Fidelity:
    contract, seed = bench.contract, bench.seed
    classes = isinstance(contract.task, Classification)
    sequence = is_sequence(contract)
    alike: Estimate | None = None
    try:
        alike = texts_alike(part.outputs, truth, options, seed) if sequence else None
    except NoEncoder as reason:
        part.unavailable["bertScore"] = str(reason)
    if not sequence:
        part.unavailable |= {"dtw": "outputs are no sequences", "bertScore": "outputs are no sequences"}
    return Fidelity(
        agreement=agreement_of(
            predictions(part.outputs, contract), predictions(truth, contract), contract, options.confidence
        ),
        divergence=divergence_of(part.outputs, truth, options, seed) if classes else None,
        dtw=warping_of(part.outputs[:MOST_COURSES], truth[:MOST_COURSES], options, seed) if sequence else None,
        bert_score=alike,
    )


def _calibration(
    outputs: Floats, truth: Floats, rows: Rows, options: EvaluationOptions, bench: Workbench
) -> Calibration | None:
    known = rows.labelled
    if not isinstance(bench.contract.task, Classification) or not known.any():
        return None
    labels = rows.label[known]
    one, two = (
        calibration_of(probabilities(values[known]), labels, options.calibration_bins) for values in (outputs, truth)
    )
    return Calibration(candidate=one, reference=two)


def _disturb(
    candidates: Mapping[str, onnx.ModelProto],
    reference: onnx.ModelProto,
    truth: Floats,
    rows: Rows,
    parts: Mapping[str, _Parts],
    options: EvaluationOptions,
    bench: Workbench,
) -> None:
    reason = not_applicable(bench.contract)
    if reason:
        for part in parts.values():
            part.unavailable |= {"noise": reason, "attacks": reason}
        return
    where, right = truth_of(rows.label, predictions(truth, bench.contract))
    asked = Question(rows.input[where], right, bench.contract, options, bench.threads, bench.seed)
    bench.tell("evaluate", 0.4, "adding noise")
    found = {"noise": under_noise(candidates, reference, asked)}
    if options.detail == "full":
        bench.tell("evaluate", 0.5, "attacking")
        found["attacks"] = under_attack(candidates, _source(reference, bench), reference, asked)
    else:
        found["attacks"] = Disturbed(candidates).without("only looked at in full detail")
    for name, part in parts.items():
        for kind, disturbed in found.items():
            part.robustness += disturbed.figures[name]
            if name in disturbed.missing:
                part.unavailable[kind] = disturbed.missing[name]


def _source(reference: onnx.ModelProto, bench: Workbench) -> onnx.ModelProto:
    """The full-precision model whose gradients are used: normalised where the recipe did so."""
    return bench.models.get("source", reference)


def _time(
    candidates: Mapping[str, onnx.ModelProto],
    reference: onnx.ModelProto,
    rows: Rows,
    parts: Mapping[str, _Parts],
    options: EvaluationOptions,
    bench: Workbench,
) -> None:
    batches = options.batches or bench.serving.batch_sizes
    threads = options.threads or (bench.serving.threads,)
    share = options.latency_seconds / (len(batches) * len(threads))
    everything = {
        **{f"c:{key}": serialise(model) for key, model in candidates.items()},
        "reference": serialise(reference),
    }
    feeds = {
        batch: {bench.contract.input.name: np.ascontiguousarray(rows.input[np.resize(np.arange(len(rows)), batch)])}
        for batch in batches
    }
    for count in threads:
        for batch, rounds in _rounds(everything, feeds, count, options.latency_rounds, share, bench).items():
            for key, part in parts.items():
                figures = compare(rounds, f"c:{key}", "reference", batch, count, options.confidence, bench.seed)
                part.latency.append(figures)


def _rounds(
    models: Mapping[str, bytes],
    feeds: Mapping[int, dict[str, Inputs]],
    threads: int,
    rounds: int,
    seconds: float,
    bench: Workbench,
) -> dict[int, Rounds]:
    """Rounds by batch size over several layouts; `rounds` and `seconds` are of all layouts of one batch size."""
    random, output = np.random.default_rng(bench.seed), bench.contract.output.name
    parts: dict[int, list[Rounds]] = {batch: [] for batch in feeds}
    fewest = -(-FEWEST_ROUNDS // LAYOUTS)
    for _ in range(LAYOUTS):
        order = random.permutation(list(models))
        made = {name: session_of(models[name], threads) for name in order}
        for batch, feed in feeds.items():
            calls = {name: partial(made[name].run, [output], feed) for name in models}
            found = measure(calls, max(fewest, -(-rounds // LAYOUTS)), seconds / LAYOUTS, fewest=fewest)
            parts[batch].append(found)
    return {batch: Rounds.joined(found) for batch, found in parts.items()}


def _run_apart(
    candidates: Mapping[str, onnx.ModelProto],
    reference: onnx.ModelProto,
    rows: Rows,
    parts: Mapping[str, _Parts],
    options: EvaluationOptions,
    bench: Workbench,
) -> Starting | None:
    """What needs a process or a session of its own; returns what the reference takes to start."""
    batch = rows.input[: min(len(rows), bench.serving.batch_sizes[0])]
    threads = bench.serving.threads
    if options.detail == "quick":
        for part in parts.values():
            part.unavailable |= dict.fromkeys(("starting", "execution"), "only looked at in full detail")
        return None
    bench.tell("evaluate", 0.8, "starting fresh processes")
    for key, part in parts.items():
        part.execution = execution_of(candidates[key], batch, bench.contract, threads)
    try:
        for key, part in parts.items():
            part.starting = starting_of(candidates[key], batch, bench.contract, threads)
        return starting_of(reference, batch, bench.contract, threads)
    except ChildFailed as error:
        for part in parts.values():
            part.unavailable["starting"] = str(error)
        return None
