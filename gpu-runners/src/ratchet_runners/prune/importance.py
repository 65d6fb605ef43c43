"""How much each unit matters: by its weights or by its activations. By the loss: `taylor`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from ratchet_runners.data.rows import Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.model.graph import copy_of
from ratchet_runners.model.scoring import BATCH, serialise, session_of
from ratchet_runners.prune.atoms import Labels
from ratchet_runners.prune.groups import Group, Slice, Structure

Values = npt.NDArray[np.float64]
Score = dict[str, Values]


def per_unit(group: Group, fields: Mapping[str, npt.NDArray[Any]], roles: tuple[str, ...]) -> Values:
    """Sums fields (shaped like the constants they are named after) over each unit's slices of these roles."""
    total = np.zeros(group.size, dtype=np.float64)
    for part in group.slices:
        if part.role in roles and part.constant in fields:
            total += _over(part, fields[part.constant])
    return total


def _over(part: Slice, field: npt.NDArray[Any]) -> Values:
    rest = tuple(axis for axis in range(field.ndim) if axis != part.axis)
    return field.sum(axis=rest, dtype=np.float64)[part.positions].sum(axis=1)


def magnitude(structure: Structure) -> Score:
    """L1: mean absolute weight that makes a unit (Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017)."""
    found: Score = {}
    for group in structure.free:
        parts = [part for part in group.slices if part.role == "makes"]
        total = np.zeros(group.size, dtype=np.float64)
        for part in parts:
            value = np.abs(structure.trace.graph.constant(part.constant))
            total += _over(part, value) / (value.size / value.shape[part.axis] * part.positions.shape[1])
        found[group.name] = total / max(1, len(parts))
    return found


def activation(
    structure: Structure,
    rows: Inputs,
    contract: ModelContract,
    threads: int,
    tell: Callable[[float], None] | None = None,
) -> Score:
    """Mean absolute activation of a unit where a layer sums over it, streamed; by weights where no layer does.

    @throws ModelUnusable when the model cannot answer
    """
    watched = summed_tensors(structure)
    if not watched or not len(rows):
        return magnitude(structure)
    model = copy_of(structure.model)
    present = {value.name for value in model.graph.output}
    names = list(dict.fromkeys(name for name, _ in watched))
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in present)
    session = session_of(serialise(model), threads)
    sums = {place: np.zeros(structure.trace.size(place[0])[place[1]]) for place in watched}
    for start in range(0, len(rows), BATCH):
        batch = np.ascontiguousarray(rows[start : start + BATCH])
        answers: list[Any] = list(session.run(names, {contract.input.name: batch}))
        made = dict(zip(names, answers, strict=True))
        for name, axis in watched:
            value = np.abs(made[name])
            rest = tuple(other for other in range(value.ndim) if other != axis)
            sums[(name, axis)] += value.mean(axis=rest, dtype=np.float64) * len(batch) / len(rows)
        if tell:
            tell(min(1.0, (start + BATCH) / len(rows)))
    return _by_units(structure, sums)


def _by_units(structure: Structure, sums: dict[tuple[str, int], Values]) -> Score:
    atoms = structure.trace.atoms
    totals, counts = np.zeros(atoms.count), np.zeros(atoms.count)
    for (name, axis), value in sums.items():
        labels = structure.trace.of(name)[axis]
        assert labels is not None
        roots = atoms.roots(labels)
        np.add.at(totals, roots, value)
        np.add.at(counts, roots, 1.0)
    weights = magnitude(structure)
    return {
        name: totals[units] / counts[units] if (counts[units] > 0).all() else weights[name]
        for name, units in structure.units.items()
    }


def summed_tensors(structure: Structure) -> list[tuple[str, int]]:
    """Computed tensors that a layer with constant weights sums over along an axis whose units may go."""
    trace = structure.trace
    units = {int(root) for roots in structure.units.values() for root in roots}
    found: dict[tuple[str, int], None] = {}
    for node_name in dict.fromkeys(node for nodes in trace.summed.values() for node in nodes):
        for name in trace.graph.nodes[node_name].input:
            if not name or trace.graph.is_constant(name):
                continue
            for axis, labels in enumerate(trace.of(name)):
                if labels is not None and _all_in(trace.atoms.roots(labels), units):
                    found[(name, axis)] = None
    return list(found)


def _all_in(roots: Labels, units: set[int]) -> bool:
    return bool(units.issuperset(roots.tolist()))
