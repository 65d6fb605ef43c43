"""Groups of channels, heads and widths: which slices of which constants must leave a graph together.

The idea of dependency groups: Fang et al., "DepGraph: Towards Any Structural Pruning" (CVPR 2023). Here dependencies
are kept for single positions, so that Concat, Split, groups and attention heads need no special cases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx

from ratchet_runners.model.graph import Graph, kind_of
from ratchet_runners.prune import rules
from ratchet_runners.prune.prepare import prepared
from ratchet_runners.prune.probe import Probe, probe
from ratchet_runners.prune.trace import Trace, follow

Kind = Literal["channels", "heads", "features", "hidden"]
Role = Literal["makes", "sums", "follows"]
Positions = npt.NDArray[np.int64]

#: Where Reshapes split axes in more than so many ways the first choice counts.
LARGEST_SEARCH = 8

assert rules.__all__  # imported for the table of rules that they fill


@dataclass(frozen=True)
class Slice:
    """Part of a constant that belongs to a group: `positions[unit]` along `axis` go with the unit."""

    constant: str
    axis: int
    #: Whether the layer makes the unit here, sums over it, or just follows (bias, scale, recurrent gates).
    role: Role
    #: [units, positions of each].
    positions: Positions


@dataclass(frozen=True)
class Group:
    """Units that mean the same to the graph: any of them may go, each with all of its slices."""

    #: The first layer's node; with `#2` and so on where one layer's outputs fall into several groups.
    name: str
    kind: Kind
    #: Nodes whose outputs it is, in the graph's order.
    layers: tuple[str, ...]
    #: How many units: channels, heads, features, hidden units.
    size: int
    #: Outputs of the first layer that a unit has, e.g. the size of a head.
    width: int
    slices: tuple[Slice, ...]
    #: Why it may not be pruned; None where it may. Such a group has no slices.
    reason: str | None = None


@dataclass(frozen=True)
class Structure:
    """A traced graph with its groups."""

    #: Of the prepared graph (`structure.model`), whose answers are the given model's.
    trace: Trace
    groups: tuple[Group, ...]
    #: By group name the atom of each unit.
    units: dict[str, Positions]

    @property
    def model(self) -> onnx.ModelProto:
        """What was traced: the given model, prepared so that it can be cut."""
        return self.trace.graph.model

    @property
    def free(self) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if group.reason is None)

    def group(self, name: str) -> Group:
        """@throws KeyError"""
        return {group.name: group for group in self.groups}[name]


def find_groups(model: onnx.ModelProto) -> list[Group]:
    """All groups in the order of their first layer, those that may not be pruned with the reason.

    The same graph always gives the same groups, whatever its weights are. Names of nodes must be unique (`normalise`).
    @throws ModelUnusable when the model does not run
    """
    return list(analyse(model).groups)


def describe_groups(model: onnx.ModelProto) -> list[dict[str, Any]]:
    """The groups as plain values, for people and JSON."""
    return [
        {
            "group": group.name,
            "kind": group.kind,
            "layers": list(group.layers),
            "units": group.size,
            "unitWidth": group.width,
            "prunable": group.reason is None,
            "reason": group.reason,
        }
        for group in find_groups(model)
    ]


def analyse(model: onnx.ModelProto) -> Structure:
    """Traces a model. Where a Reshape splits an axis, that factor is taken along which most can go (heads, not Q/K/V).

    @throws ModelUnusable when the model does not run
    """
    sizes = probe(model)
    graph = Graph(prepared(model, sizes))
    for name in graph.constant_names:
        sizes.sizes[name] = graph.constant(name).shape
    carriers: dict[tuple[int, ...], int] = {}
    best = _structure(graph, sizes, carriers)
    for factors in list(best.trace.splits)[:LARGEST_SEARCH]:
        for carrier in range(1, len(factors)):
            tried = _structure(graph, sizes, {**carriers, factors: carrier})
            if _freedom(tried) > _freedom(best):
                best, carriers = tried, {**carriers, factors: carrier}
    return best


def _freedom(structure: Structure) -> int:
    """Outputs of layers that may go, where there is a choice."""
    parts = [part for group in structure.free if group.size > 1 for part in group.slices]
    return sum(part.positions.size for part in parts if part.role == "makes")


def _structure(graph: Graph, sizes: Probe, carriers: dict[tuple[int, ...], int]) -> Structure:
    trace = Trace(graph, sizes, dict(carriers))
    follow(trace)
    members = _members(trace)
    heads = {int(atom) for labels in trace.heads for atom in trace.atoms.roots(labels)}
    gathered: dict[tuple[tuple[str, int, int], ...], list[int]] = {}
    for root, parts in members.items():
        if trace.atoms.reason(root) is None:
            signature = tuple(sorted((*place, len(positions)) for place, positions in parts.items()))
            gathered.setdefault(signature, []).append(root)
    order = {node.name: position for position, node in enumerate(graph.model.graph.node)}
    groups: list[Group] = []
    units: dict[str, Positions] = {}
    found: list[tuple[Group, list[int]]] = []
    for signature, roots in gathered.items():
        makers = [place[:2] for place in signature if place[:2] in trace.made]
        if not makers:
            continue
        makers.sort(key=lambda place: order[trace.made[place][0]])
        first = makers[0]
        found.append(
            (
                Group(
                    trace.made[first][0],
                    _kind(graph, trace.made[first][0], bool(heads & set(roots))),
                    _in_order((node for place in makers for node in trace.made[place]), order),
                    len(roots),
                    len(members[roots[0]][first]) // _gates(graph, trace.made[first][0]),
                    tuple(_slice(trace, members, roots, *place[:2]) for place in signature),
                ),
                roots,
            )
        )
    found += [(group, []) for group in _blocked(trace, order, {root for _, roots in found for root in roots})]
    found.sort(key=lambda pair: (order[pair[0].name], pair[1][:1]))
    taken: Counter[str] = Counter()
    for group, roots in found:
        taken[group.name] += 1
        name = group.name if taken[group.name] == 1 else f"{group.name}#{taken[group.name]}"
        groups.append(Group(name, group.kind, group.layers, group.size, group.width, group.slices, group.reason))
        if roots:
            units[name] = np.array(roots, dtype=np.int64)
    return Structure(trace, tuple(groups), units)


def _in_order(nodes: Iterable[str], order: dict[str, int]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(nodes), key=lambda node: order[node]))


def _members(trace: Trace) -> dict[int, dict[tuple[str, int], list[int]]]:
    """By atom: where in which constants it lies."""
    found: dict[int, dict[tuple[str, int], list[int]]] = {}
    for name in trace.graph.constant_names:
        for axis, labels in enumerate(trace.axes.get(name, ())):
            if labels is None:
                continue
            for position, root in enumerate(trace.atoms.roots(labels).tolist()):
                found.setdefault(root, {}).setdefault((name, axis), []).append(position)
    return found


def _slice(
    trace: Trace, members: dict[int, dict[tuple[str, int], list[int]]], roots: Iterable[int], constant: str, axis: int
) -> Slice:
    place = (constant, axis)
    role: Role = "makes" if place in trace.made else "sums" if place in trace.summed else "follows"
    return Slice(constant, axis, role, np.array([members[root][place] for root in roots], dtype=np.int64))


def _blocked(trace: Trace, order: dict[str, int], free: set[int]) -> list[Group]:
    """One entry for each layer some of whose outputs must stay; layers that share them and the reason are one."""
    found: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    places = [(node, place) for place, nodes in trace.made.items() for node in nodes]
    for node, (constant, axis) in sorted(places, key=lambda entry: order[entry[0]]):
        labels = trace.of(constant)[axis]
        if labels is None:
            found.setdefault(("it has a single output", (-order[node],)), []).append(node)
            continue
        roots = dict.fromkeys(root for root in trace.atoms.roots(labels).tolist() if root not in free)
        by_reason: dict[str, list[int]] = {}
        for root in roots:
            by_reason.setdefault(trace.atoms.reason(root) or "nothing depends on it", []).append(root)
        for reason, kept in by_reason.items():
            found.setdefault((reason, tuple(kept)), []).append(node)
    return [
        Group(nodes[0], _kind(trace.graph, nodes[0], False), tuple(dict.fromkeys(nodes)), len(kept), 1, (), reason)
        for (reason, kept), nodes in found.items()
    ]


def _gates(graph: Graph, node: str) -> int:
    """How often the weight that makes a unit holds it beside itself: once a gate."""
    return rules.recurrent.GATES.get(kind_of(graph.nodes[node]), 1)


def _kind(graph: Graph, node: str, heads: bool) -> Kind:
    if heads:
        return "heads"
    kind = kind_of(graph.nodes[node])
    if kind in ("Conv", "ConvTranspose"):
        return "channels"
    return "hidden" if kind in rules.recurrent.GATES else "features"
