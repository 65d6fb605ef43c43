"""Takes units out of a graph for good: constants get smaller, and nodes are told the new lengths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from ratchet_runners.model.graph import Array, Graph, copy_of, kind_of
from ratchet_runners.prune.groups import Structure, analyse
from ratchet_runners.prune.rules.layers import whole_groups
from ratchet_runners.prune.rules.recurrent import GATES
from ratchet_runners.prune.trace import Resize, Trace, kept_length

#: By atom, whether it goes.
Gone = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Removal:
    """Units to be removed, by group name; positions in the group, ascending."""

    units: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])

    def __bool__(self) -> bool:
        return any(self.units.values())


def gone_atoms(structure: Structure, removal: Removal) -> Gone:
    """@throws KeyError for a group that may not be pruned or does not exist, IndexError for a unit that it lacks"""
    trace = structure.trace
    roots = trace.atoms.roots(np.arange(trace.atoms.count, dtype=np.int64))
    leaving = np.zeros(trace.atoms.count, dtype=np.bool_)
    for name, positions in removal.units.items():
        units = structure.units[name]
        if len(set(positions)) >= len(units):
            raise ValueError(f"Nothing would be left of {name}")
        leaving[units[list(positions)]] = True
    return leaving[roots]


def remove(model: onnx.ModelProto, removal: Removal, structure: Structure | None = None) -> onnx.ModelProto:
    """The model without these units. Names of nodes, tensors and constants stay, and so do inputs and outputs.

    `structure` is what `analyse` gave for this very model; without it the model is traced.
    @throws KeyError, IndexError, ValueError for units that are not there or would leave nothing; ModelUnusable
    """
    structure = structure or analyse(model)
    gone = gone_atoms(structure, removal)
    graph = Graph(copy_of(structure.model))
    lengths = {name: graph.constant(name).shape for name in graph.constant_names}
    for name in graph.constant_names:
        _shrink(graph, name, structure.trace, gone)
    # Nodes are asked for by name each time: a sort makes new ones.
    for resize in structure.trace.resizes:
        if any(gone[labels].any() for _, labels in resize.axes):
            _tell(graph, structure.trace, resize, gone)
    for node in graph.model.graph.node:
        _adapt_attributes(graph, node, lengths)
    graph.reindex()
    graph.drop_unused_constants()
    return graph.model


def _shrink(graph: Graph, name: str, trace: Trace, gone: Gone) -> None:
    value: Array | None = None
    for axis, labels in enumerate(trace.axes.get(name, ())):
        if labels is not None and gone[labels].any():
            value = graph.constant(name) if value is None else value
            value = np.compress(~gone[labels], value, axis=axis)
    if value is not None:
        graph.set_constant(name, value)


def _tell(graph: Graph, trace: Trace, resize: Resize, gone: Gone) -> None:
    node = graph.nodes[resize.node]
    kind = kind_of(node)
    if kind == "Split":
        _tell_split(graph, trace, node, [kept_length(labels, gone) for _, labels in resize.axes])
    elif kind == "Slice":
        _tell_slice(graph, node, resize, gone)
    elif kind in GATES:
        _set_attribute(node, "hidden_size", kept_length(resize.axes[0][1], gone))
    else:
        lengths = [(position, kept_length(labels, gone)) for position, labels in resize.axes]
        _tell_shape(graph, trace, node, lengths)


def _tell_shape(graph: Graph, trace: Trace, node: onnx.NodeProto, lengths: list[tuple[int, int]]) -> None:
    """Reshape, Expand, ConstantOfShape: the numbers that are written out change; -1 and 0 follow by themselves."""
    place = 0 if kind_of(node) == "ConstantOfShape" else 1
    if graph.is_constant(node.input[place]):
        value = graph.constant(node.input[place])
        for position, length in lengths:
            value[position] = length if value[position] > 0 else value[position]
        _give(graph, node, place, value)
        return
    source = _concat_of_its_own(graph, node, place)
    starts: list[tuple[int, int, str]] = []
    start = 0
    for number, name in enumerate(source.input):
        starts.append((start, number, name))
        start += int(np.prod(trace.size(name)))
    for position, length in lengths:
        begin, number, _ = max(entry for entry in starts if entry[0] <= position)
        value = graph.constant(source.input[number])
        flat = value.reshape(-1)
        flat[position - begin] = length if flat[position - begin] > 0 else flat[position - begin]
        _give(graph, source, number, value)


def _concat_of_its_own(graph: Graph, node: onnx.NodeProto, place: int) -> onnx.NodeProto:
    """The Concat that makes a shape; a copy of it where other nodes take the same shape."""
    source = graph.producer(node.input[place])
    assert source is not None
    if len(graph.consumers(node.input[place])) < 2:
        return source
    made = onnx.NodeProto()
    made.CopyFrom(source)
    made.name = graph.fresh_name(f"{source.name}_for_{node.name}")
    made.output[0] = made.name
    node.input[place] = made.name
    graph.insert([made])
    graph.sort()
    return graph.nodes[made.name]


def _tell_split(graph: Graph, trace: Trace, node: onnx.NodeProto, lengths: list[int]) -> None:
    if trace.opset >= 13:
        if len(node.input) > 1 and node.input[1]:
            _give(graph, node, 1, np.array(lengths, dtype=np.int64))
            return
        name = graph.fresh_name(f"{node.name}_lengths")
        graph.set_constant(name, np.array(lengths, dtype=np.int64))
        del node.input[1:]
        node.input.append(name)
        _drop_attribute(node, "num_outputs")
        return
    _drop_attribute(node, "split")
    node.attribute.append(helper.make_attribute("split", lengths))


def _tell_slice(graph: Graph, node: onnx.NodeProto, resize: Resize, gone: Gone) -> None:
    starts, ends = graph.constant(node.input[1]), graph.constant(node.input[2])
    for number, labels in resize.axes:
        first, last, _ = slice(int(starts[number]), int(ends[number])).indices(len(labels))
        starts[number] = kept_length(labels[:first], gone)
        ends[number] = kept_length(labels[:last], gone)
    _give(graph, node, 1, starts)
    _give(graph, node, 2, ends)


def _give(graph: Graph, node: onnx.NodeProto, position: int, value: Array) -> None:
    """A constant of its own for this input: others may share the old one."""
    if np.array_equal(graph.constant(node.input[position]), value):
        return
    name = graph.fresh_name(f"{node.name}_{position}")
    graph.set_constant(name, value)
    node.input[position] = name


def _adapt_attributes(graph: Graph, node: onnx.NodeProto, lengths: dict[str, tuple[int, ...]]) -> None:
    kind = kind_of(node)
    if kind in ("Conv", "ConvTranspose") and graph.is_constant(node.input[1]):
        groups, before = _attribute(node, "group", 1), lengths[node.input[1]]
        after = graph.constant(node.input[1]).shape
        # A convolution keeps [outputs, inputs / groups], a transposed one [inputs, outputs / groups].
        if groups > 1 and (kind == "ConvTranspose" or whole_groups(groups, before[1], before[0] // groups)):
            _set_attribute(node, "group", groups * after[0] // before[0])


def _attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    return next((int(attribute.i) for attribute in node.attribute if attribute.name == name), default)


def _set_attribute(node: onnx.NodeProto, name: str, value: int) -> None:
    _drop_attribute(node, name)
    node.attribute.append(helper.make_attribute(name, value))


def _drop_attribute(node: onnx.NodeProto, name: str) -> None:
    kept = [attribute for attribute in node.attribute if attribute.name != name]
    del node.attribute[:]
    node.attribute.extend(kept)
