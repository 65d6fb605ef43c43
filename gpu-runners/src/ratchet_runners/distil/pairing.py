"""Which tensor of the student is held against which of the teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from ratchet_runners.distil.config import Pair
from ratchet_runners.distil.cuts import attention_tensors, cut_tensors
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.probe import probed_shapes
from ratchet_runners.workbench import Workbench

Shape = tuple[int, ...]

#: Rows that are sent through to learn the tensors' shapes: a number that is seldom a width by chance.
PROBE_ROWS = 3


@dataclass(frozen=True)
class Tap:
    """A tensor of a graph with its shape for `PROBE_ROWS` rows."""

    name: str
    shape: Shape


@dataclass(frozen=True)
class Match:
    student: Tap
    teacher: Tap


def named_pairs(
    pairs: Sequence[Pair], student: onnx.ModelProto, teacher: onnx.ModelProto, bench: Workbench
) -> list[Match]:
    """Pairs that somebody chose, with their shapes. @throws ModelUnusable for a name that no tensor has"""
    probe = bench.rows.input[:PROBE_ROWS]
    ours = probed_shapes(student, [pair.student for pair in pairs], probe, bench)
    theirs = probed_shapes(teacher, [pair.teacher for pair in pairs], probe, bench)
    return [Match(Tap(pair.student, ours[pair.student]), Tap(pair.teacher, theirs[pair.teacher])) for pair in pairs]


def feature_pairs(
    student: onnx.ModelProto, teacher: onnx.ModelProto, count: int, bench: Workbench, rank: int | None = None
) -> list[Match]:
    """Up to `count` pairs of tensors that the whole graph runs through: equal in all but the width, and equally deep
    among the tensors of that kind; of a convolutional network's stages each one's end. Empty where nothing fits.
    """
    ours = _grouped(_cuts(student, bench), rank)
    theirs = _grouped(_cuts(teacher, bench), rank)
    common = [kind for kind in ours if kind in theirs]
    found: list[Match] = []
    for position, kind in enumerate(common):
        share = (position + 1) * count // len(common) - position * count // len(common)
        found += _evenly(ours[kind], theirs[kind], share)
    return found


def attention_pairs(student: onnx.ModelProto, teacher: onnx.ModelProto, count: int, bench: Workbench) -> list[Match]:
    """Attention probabilities of layers that are equally deep in both; empty where one of them has none."""
    probe = bench.rows.input[:PROBE_ROWS]
    taps: list[list[Tap]] = []
    for model in (student, teacher):
        names = attention_tensors(Graph(copy_of(model)), bench.contract.output.name)
        shapes = probed_shapes(model, names, probe, bench)
        taps.append([Tap(name, shapes[name]) for name in names if len(shapes[name]) in (3, 4)])
    return [match for match in _evenly(taps[0], taps[1], count) if match.student.shape[-2:] == match.teacher.shape[-2:]]


def last_pair(student: onnx.ModelProto, teacher: onnx.ModelProto, bench: Workbench) -> list[Match]:
    """What both know of a row just before they answer, of whatever widths; empty where one has no such tensor."""
    ours, theirs = _cuts(student, bench), _cuts(teacher, bench)
    return [Match(ours[-1], theirs[-1])] if ours and theirs else []


def _cuts(model: onnx.ModelProto, bench: Workbench) -> list[Tap]:
    """Float activations with one entry a row, without the answer itself."""
    output = bench.contract.output.name
    names = [name for name in cut_tensors(Graph(copy_of(model)), output) if name != output]
    shapes = probed_shapes(model, names, bench.rows.input[:PROBE_ROWS], bench)
    answer = int(np.prod(bench.contract.output.shape[1:]))
    usable = [Tap(name, shapes[name]) for name in names if name in shapes and len(shapes[name]) in (2, 3, 4)]
    usable = [tap for tap in usable if tap.shape[0] == PROBE_ROWS]
    while usable and int(np.prod(usable[-1].shape[1:])) == answer and len(usable) > 1:
        usable.pop()  # answers in other clothes: before a softmax, or reshaped
    return usable


def _grouped(taps: Sequence[Tap], rank: int | None) -> Mapping[Shape, list[Tap]]:
    """By all that is not width: the places of an image, the steps of a sequence."""
    groups: dict[Shape, list[Tap]] = {}
    for tap in taps:
        if rank in (None, len(tap.shape)):
            places = tap.shape[2:] if len(tap.shape) == 4 else tap.shape[1:-1]
            groups.setdefault((len(tap.shape), *places), []).append(tap)
    return groups


def _evenly(ours: Sequence[Tap], theirs: Sequence[Tap], count: int) -> list[Match]:
    """At most `count` of ours, evenly down to the last, each with the one of theirs at the same depth."""
    count = min(count, len(ours), len(theirs))
    chosen: list[Match] = []
    for step in range(1, count + 1):
        chosen.append(Match(ours[step * len(ours) // count - 1], theirs[step * len(theirs) // count - 1]))
    return chosen


def require(found: list[Match], what: str) -> list[Match]:
    """@throws ModelUnusable where no tensors were found for a term that was asked for"""
    if not found:
        raise ModelUnusable(
            f"No tensors of student and teacher fit each other for {what}",
            ["name them as pairs in the term's configuration, or leave the term out"],
        )
    return found
