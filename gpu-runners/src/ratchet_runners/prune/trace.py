"""A walk over a graph that writes down, for every axis of every tensor, which positions depend on each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import onnx

from ratchet_runners.model.graph import Array, Graph, attributes_of, kind_of, opset_of
from ratchet_runners.prune.atoms import Atoms, Labels
from ratchet_runners.prune.probe import Probe

#: One entry an axis: atoms of its positions, or None where positions along it never change (batch, space, time).
Axes = list[Labels | None]
#: (tensor, axis), and the nodes that use it in some way.
Places = dict[tuple[str, int], list[str]]


@dataclass(frozen=True)
class Origin:
    """Where one number of a shape comes from: the length of `axis` of `tensor`."""

    tensor: str
    axis: int


@dataclass(frozen=True)
class Product:
    """A node that multiplies and accumulates: `fixed` times the lengths of `axes`, for one row."""

    node: str
    axes: tuple[Labels, ...]
    fixed: float


@dataclass(frozen=True)
class Resize:
    """What must be told to a node when positions along these axes go: Reshape, Expand, Split, Slice, GRU, …"""

    node: str
    axes: tuple[tuple[int, Labels], ...]


@dataclass
class Trace:
    graph: Graph
    probe: Probe
    #: Which factor carries the labels when a Reshape splits an axis into these factors; index 0 where not listed.
    carriers: Mapping[tuple[int, ...], int]
    atoms: Atoms = field(default_factory=Atoms)
    axes: dict[str, Axes] = field(default_factory=dict[str, Axes])
    #: For tensors of shape numbers: where each comes from (None: a plain number).
    origins: dict[str, list[Origin | None]] = field(default_factory=dict[str, list["Origin | None"]])
    products: list[Product] = field(default_factory=list[Product])
    #: (constant, axis) that a layer's outputs (its channels, features, heads) come from, with the nodes' names.
    made: Places = field(default_factory=Places)
    #: (constant, axis) that a layer sums over.
    summed: Places = field(default_factory=Places)
    resizes: list[Resize] = field(default_factory=list[Resize])
    #: Splits of axes that were met, in their order.
    splits: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    #: Atoms that stand for whole attention heads.
    heads: list[Labels] = field(default_factory=list[Labels])

    @property
    def opset(self) -> int:
        return opset_of(self.graph.model)

    def size(self, name: str) -> tuple[int, ...]:
        return self.probe.sizes[name]

    def of(self, name: str) -> Axes:
        """The axes of a tensor; a constant gets atoms of its own when it is first asked for."""
        if name not in self.axes:
            shape = self.size(name)
            constant = self.graph.is_constant(name)
            self.axes[name] = [self.atoms.fresh(length) if constant and length > 1 else None for length in shape]
        return self.axes[name]

    def value(self, name: str) -> Array | None:
        """The value of a constant; None for what is computed."""
        return self.graph.constant(name) if name and self.graph.is_constant(name) else None

    def tie(self, one: Labels | None, other: Labels | None, reason: str) -> Labels | None:
        """Two axes that must stay equally long: one takes part in the fate of the other."""
        if one is None or other is None:
            kept = other if one is None else one
            if kept is not None:
                self.atoms.keep(kept, reason)
            return None
        self.atoms.tie(one, other)
        return one

    def keep(self, labels: Labels | None, reason: str) -> None:
        if labels is not None:
            self.atoms.keep(labels, reason)

    def note(self, places: Places, place: tuple[str, int], node: onnx.NodeProto) -> None:
        places.setdefault(place, []).append(node.name)

    def keep_all(self, name: str, reason: str) -> None:
        """No axis of this tensor may change."""
        for labels in self.of(name):
            self.keep(labels, reason)

    def free(self, name: str) -> Axes:
        """Axes of a tensor about which nothing is known."""
        return [None] * len(self.size(name))

    def fixed(self, labels: Labels | None, count: int, reason: str) -> Labels:
        """Atoms for an axis that may have none: fresh ones that must stay."""
        if labels is not None:
            return labels
        made = self.atoms.fresh(count)
        self.atoms.keep(made, reason)
        return made


Rule = Callable[[Trace, onnx.NodeProto, dict[str, Any]], list[Axes]]
_Rule = TypeVar("_Rule", bound=Rule)

#: By operator name; of other domains by `domain::Name`. A rule ties what belongs together and gives the outputs' axes.
RULES: dict[str, Rule] = {}
#: Operators that may see the length of an axis that changes.
SHAPE_AWARE = frozenset(
    {
        *("Shape", "Gather", "Slice", "Unsqueeze", "Squeeze", "Cast", "Concat", "Identity"),
        *("Reshape", "Expand", "ConstantOfShape"),
    }
)


def rule(*names: str) -> Callable[[_Rule], _Rule]:
    def register(handler: _Rule) -> _Rule:
        for name in names:
            RULES[name] = handler
        return handler

    return register


def follow(trace: Trace) -> None:
    """Walks the whole graph. Inputs and outputs keep their shapes; what no rule knows keeps all that it touches."""
    for name in trace.graph.inputs:
        trace.axes[name] = trace.free(name)
    for node in trace.graph.model.graph.node:
        _follow_node(trace, node)
    for name in trace.graph.outputs:
        trace.keep_all(name, f"it is an output of the model ({name})")


def _follow_node(trace: Trace, node: onnx.NodeProto) -> None:
    kind = kind_of(node)
    if kind not in SHAPE_AWARE:
        for name in node.input:
            keep_origins(trace, name, f"{kind} ({node.name}) computes with its length")
    handler = RULES.get(kind)
    outputs = [name for name in node.output if name]
    if handler is None or any(attribute.HasField("g") for attribute in node.attribute):
        for name in node.input:
            if name:
                trace.keep_all(name, f"operator {kind} ({node.name}) is not known to pruning")
        for name in outputs:
            trace.axes[name] = trace.free(name)
        return
    for name, axes in zip(node.output, handler(trace, node, attributes_of(node)), strict=False):
        if name:
            trace.axes[name] = axes
    for name in outputs:
        if name not in trace.axes:
            trace.axes[name] = trace.free(name)


def keep_origins(trace: Trace, name: str, reason: str) -> None:
    """Axes whose lengths this tensor of shape numbers holds must stay as they are."""
    for origin in trace.origins.get(name, ()):
        if origin is not None:
            trace.keep(trace.of(origin.tensor)[origin.axis], reason)


def kept_length(labels: Labels, gone: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
    """How many positions stay; `gone` tells for every atom whether it goes."""
    return int(len(labels) - gone[labels].sum())
