"""Puts the teacher's answers before the trial. It never sees the rows that are held back."""

from __future__ import annotations

import numpy as np
import onnx

from ratchet_runners.data.rows import Doubles, Indices
from ratchet_runners.distil.bounds import upper_bound
from ratchet_runners.distil.config import Distil
from ratchet_runners.distil.trial import ENOUGH_LABELS, Evidence, Verdict, tried_with_labels, tried_without_labels
from ratchet_runners.distil.trial_regression import tried_on_numbers
from ratchet_runners.documents.job import Classification
from ratchet_runners.model.scoring import accuracy, predictions, score
from ratchet_runners.workbench import Workbench

#: Rows of each kind that the trial without labels looks at.
MOST_ROWS = 2000


def examine(config: Distil, teacher: onnx.ModelProto, source: onnx.ModelProto, bench: Workbench) -> Verdict:
    """Labels of fresh selection rows decide where there are enough of them; else what can be known without."""
    bench.tell("teach", 0.0, "the teacher's trial")
    labelled = _fresh_labelled(bench)
    if len(labelled) >= ENOUGH_LABELS:
        return _with_labels(config, teacher, source, labelled, bench)
    verdict = _without_labels(config, teacher, source, bench)
    if not len(labelled) or not isinstance(bench.contract.task, Classification):
        return verdict
    hits = int((_classes(teacher, labelled, bench) == bench.rows.label[labelled]).sum())
    figures = verdict.figures | {"teacherRows": float(len(labelled)), "teacherAccuracy": hits / len(labelled)}
    if upper_bound(hits, len(labelled)) >= floor_of(config, bench):
        return Verdict(verdict.reasons, figures)
    few = f"the teacher is out of its depth: it is right on {hits} of the {len(labelled)} labelled rows for selection"
    return Verdict((*verdict.reasons, few), figures)


def floor_of(config: Distil, bench: Workbench) -> float:
    """Accuracy that a teacher must be proven to have: half again chance, where nobody asks for more."""
    if config.minimum_teacher_accuracy is not None:
        return config.minimum_teacher_accuracy
    task = bench.contract.task
    if not isinstance(task, Classification):
        return 0.0
    return 0.6 if task.classes == 2 else 1.5 / task.classes


def _with_labels(
    config: Distil, teacher: onnx.ModelProto, source: onnx.ModelProto, positions: Indices, bench: Workbench
) -> Verdict:
    labels = bench.rows.label[positions]
    now, before = _classes(teacher, positions, bench), _classes(source, positions, bench)
    if isinstance(bench.contract.task, Classification):
        return tried_with_labels(now, before, labels, floor_of(config, bench))
    explained, explained_before = accuracy(now, labels, bench.contract), accuracy(before, labels, bench.contract)
    figures: dict[str, float | None] = {
        "teacherRows": float(len(positions)),
        "teacherAccuracy": explained,
        "teacherAccuracyBefore": explained_before,
    }
    least = max(floor_of(config, bench), explained_before if explained_before is not None else 0.0)
    if explained is not None and explained >= least:
        return Verdict((), figures)
    return Verdict(
        (
            f"the teacher is out of its depth: it explains {explained if explained is not None else 0.0:.4f} of the "
            f"variance of {len(positions)} held-out fresh labels, at least {least:.4f} is asked for",
        ),
        figures,
    )


def _without_labels(config: Distil, teacher: onnx.ModelProto, source: onnx.ModelProto, bench: Workbench) -> Verdict:
    seen = np.sort(np.concatenate([bench.split.train, bench.split.select]))
    older = seen[bench.rows.replay[seen]][-MOST_ROWS:]
    fresh = seen[~bench.rows.replay[seen]][-MOST_ROWS:]
    if not len(fresh):
        return Verdict()
    evidence = Evidence(
        fresh=_answers(teacher, fresh, bench),
        older=_answers(teacher, older, bench),
        source_fresh=_answers(source, fresh, bench),
        source_older=_answers(source, older, bench),
        fresh_labels=bench.rows.label[fresh],
        older_labels=bench.rows.label[older],
    )
    if isinstance(bench.contract.task, Classification):
        return tried_without_labels(evidence, config.largest_expected_loss)
    return tried_on_numbers(evidence)


def _fresh_labelled(bench: Workbench) -> Indices:
    chosen = bench.split.select
    return chosen[bench.rows.labelled[chosen] & ~bench.rows.replay[chosen]]


def _classes(model: onnx.ModelProto, positions: Indices, bench: Workbench) -> Doubles:
    return predictions(score(model, bench.rows.input[positions], bench.contract, bench.threads), bench.contract)


def _answers(model: onnx.ModelProto, positions: Indices, bench: Workbench) -> Doubles:
    """Logits (of a model that gives probabilities their logarithms), in double precision."""
    given = score(model, bench.rows.input[positions], bench.contract, bench.threads)
    flat = given.reshape(len(positions), -1).astype(np.float64)
    if len(flat) and (flat >= 0).all() and (np.abs(flat.sum(axis=1) - 1) < 1e-3).all():
        return np.log(np.maximum(flat, 1e-7))
    return flat
