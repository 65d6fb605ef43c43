"""Operators that move positions about, and those that compute shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

from ratchet_runners.model.graph import kind_of
from ratchet_runners.prune.atoms import Labels
from ratchet_runners.prune.reshaping import reshaped
from ratchet_runners.prune.trace import Axes, Origin, Resize, Trace, keep_origins, rule

Choice = Callable[[list[Origin | None]], list[Origin | None]]


@rule("Identity", "Cast")
def identity(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    _pass_origins(trace, node, list)
    return [list(trace.of(node.input[0]))]


@rule("Transpose")
def transpose(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    axes = trace.of(node.input[0])
    order = attributes.get("perm") or list(range(len(axes)))[::-1]
    return [[axes[position] for position in order]]


@rule("Squeeze", "Unsqueeze")
def squeeze(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    _pass_origins(trace, node, list)
    axes, sizes = trace.of(node.input[0]), trace.size(node.input[0])
    made = trace.size(node.output[0])
    value = trace.value(node.input[1]) if len(node.input) > 1 and node.input[1] else None
    listed = attributes.get("axes") if value is None else value.ravel().tolist()
    if node.op_type == "Squeeze":
        gone = (
            {int(axis) % len(sizes) for axis in listed}
            if listed
            else {at for at, size in enumerate(sizes) if size == 1}
        )
        return [[labels for position, labels in enumerate(axes) if position not in gone]]
    added = {int(axis) % len(made) for axis in listed or ()}
    rest = iter(axes)
    return [[None if position in added else next(rest) for position in range(len(made))]]


@rule("Reshape", "Flatten")
def reshape(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    """Blocks of axes are merged and split; the numbers of the new shape follow, where they can."""
    made = reshaped(trace, node.input[0], trace.size(node.output[0]), f"{node.op_type} ({node.name})")
    return [_told(trace, node, made, node.input[1]) if node.op_type == "Reshape" else made]


@rule("Expand", "ConstantOfShape")
def expand(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    """Where one number is repeated, any of its copies may go: a state of zeros follows what begins with it."""
    spread = node.op_type == "ConstantOfShape"
    axes, sizes = ([], ()) if spread else (trace.of(node.input[0]), trace.size(node.input[0]))
    shape, made = node.input[0 if spread else 1], trace.size(node.output[0])
    lead = len(made) - len(sizes)
    found: Axes = []
    for position, length in enumerate(made):
        if position >= lead and sizes[position - lead] > 1:
            found.append(axes[position - lead])
            continue
        told = trace.value(shape) is not None or _written_out(trace, shape, position) is not None
        origins = trace.origins.get(shape, [])
        entry = origins[position] if position < len(origins) else None
        if entry is not None:
            found.append(trace.of(entry.tensor)[entry.axis])
        else:
            found.append(trace.atoms.fresh(length) if told and length > 1 else None)
    return [_told(trace, node, found, shape)]


def _told(trace: Trace, node: onnx.NodeProto, made: Axes, shape: str) -> Axes:
    """Makes sure that each new length can be told to the node; where it cannot the axis must stay."""
    values = trace.value(shape)
    origins = trace.origins.get(shape)
    changing: list[tuple[int, Labels]] = []
    for position, labels in enumerate(made):
        entry = origins[position] if origins and position < len(origins) else None
        if entry is not None:
            source = trace.of(entry.tensor)[entry.axis]
            if labels is not None and source is not None and len(labels) == len(source):
                trace.atoms.tie(labels, source)
            elif labels is not source:
                trace.keep(labels, f"the shape of {node.name} takes its length from elsewhere")
                trace.keep(source, f"the shape of {node.name} is computed with its length")
            continue
        if labels is None:
            continue
        if values is not None and node.op_type == "Reshape" and values.ravel()[position] == 0:
            # A zero repeats the length at the same place of the input.
            trace.tie(trace.of(node.input[0])[position], labels, f"{node.name} repeats a length that must stay")
        elif values is not None or _written_out(trace, shape, position) is not None:
            changing.append((position, labels))
        else:
            trace.keep(labels, f"the shape of {node.name} is computed")
    if origins and len(origins) != len(made):
        keep_origins(trace, shape, f"the shape of {node.name} is computed with its length")
    if changing:
        trace.resizes.append(Resize(node.name, tuple(changing)))
    return made


def _written_out(trace: Trace, shape: str, position: int) -> str | None:
    """The constant that a shape which is put together takes this number from."""
    node = trace.graph.producer(shape)
    if node is None or node.op_type != "Concat":
        return None
    start = 0
    for name in node.input:
        length = int(np.prod(trace.size(name)))
        if position < start + length:
            return name if trace.graph.is_constant(name) else None
        start += length
    return None


@rule("Shape")
def shape_of(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    rank = len(trace.size(node.input[0]))
    start, end, _ = slice(attributes.get("start", 0), attributes.get("end")).indices(rank)
    trace.origins[node.output[0]] = [Origin(node.input[0], axis) for axis in range(start, end)]
    return [[None]]


@rule("Gather")
def gather(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    """A look-up in a table, or a choice of positions; the axis that is looked along must stay."""
    data, indices = node.input[0], node.input[1]
    chosen = trace.value(indices)
    keep_origins(trace, indices, f"Gather ({node.name}) looks up its length")
    if chosen is None:
        keep_origins(trace, data, f"Gather ({node.name}) chooses by a computed index")
    else:
        wanted = [int(at) for at in chosen.ravel().tolist()]
        _pass_origins(trace, node, lambda origins: [origins[at] for at in wanted])
    axes = trace.of(data)
    axis = int(attributes.get("axis", 0)) % len(axes)
    trace.keep(axes[axis], f"Gather ({node.name}) looks up positions of it")
    if trace.graph.is_constant(data) and chosen is None and len(axes) == 2:
        trace.note(trace.made, (data, 1 - axis), node)
    inner: Axes = trace.free(indices)
    return [[*axes[:axis], *inner, *axes[axis + 1 :]]]


@rule("Concat")
def concat(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    names = list(node.input)
    if any(name in trace.origins for name in names):
        joined: list[Origin | None] = []
        for name in names:
            joined += trace.origins.get(name) or [None] * int(np.prod(trace.size(name)))
        trace.origins[node.output[0]] = joined
    rank = len(trace.size(node.output[0]))
    along = int(attributes.get("axis", 0)) % rank
    made: Axes = []
    for position in range(rank):
        parts = [trace.of(name)[position] for name in names]
        if position == along:
            made.append(_joined(trace, node, names, along, parts))
            continue
        labels = parts[0]
        for part in parts[1:]:
            labels = trace.tie(labels, part, f"Concat ({node.name}) joins it with what keeps its shape")
        made.append(labels)
    return [made]


def _joined(trace: Trace, node: onnx.NodeProto, names: list[str], along: int, parts: Axes) -> Labels | None:
    if all(part is None for part in parts):
        return None
    reason = f"Concat ({node.name}) takes it from what keeps its shape"
    return np.concatenate(
        [trace.fixed(part, trace.size(name)[along], reason) for name, part in zip(names, parts, strict=True)]
    )


@rule("Split")
def split(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    axes = trace.of(node.input[0])
    along = int(attributes.get("axis", 0)) % len(axes)
    labels = axes[along]
    start, made = 0, list[Axes]()
    parts: list[tuple[int, Labels]] = []
    for number, name in enumerate(node.output):
        length = trace.size(name)[along]
        part = None if labels is None else labels[start : start + length]
        if part is not None:
            parts.append((number, part))
        made.append([*axes[:along], part if length > 1 else None, *axes[along + 1 :]])
        if part is not None and length <= 1:
            trace.keep(part, f"Split ({node.name}) makes a single position of it")
        start += length
    if parts and len(node.input) > 1 and node.input[1] and trace.value(node.input[1]) is None:
        trace.keep(labels, f"Split ({node.name}) computes its parts")
    elif parts:
        trace.resizes.append(Resize(node.name, tuple(parts)))
    return made


@rule("Slice")
def slice_of(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    """A part of an axis without steps can follow what goes before and within it; anything else keeps the axis."""
    values = [trace.value(name) if name else None for name in node.input[1:]]
    axes = list(trace.of(node.input[0]))
    known = all(value is not None for value, name in zip(values, node.input[1:], strict=True) if name)
    if not known or len(values) < 2 or values[0] is None or values[1] is None:
        keep_origins(trace, node.input[0], f"Slice ({node.name}) cuts by computed positions")
        changed = [a != b for a, b in zip(trace.size(node.input[0]), trace.size(node.output[0]), strict=True)]
        for position, labels in enumerate(axes):
            trace.keep(labels, f"Slice ({node.name}) cuts by computed positions")
            axes[position] = None if changed[position] else labels
        return [axes]
    starts, ends = values[0].ravel().tolist(), values[1].ravel().tolist()
    listed = values[2].ravel().tolist() if len(values) > 2 and values[2] is not None else list(range(len(starts)))
    steps = values[3].ravel().tolist() if len(values) > 3 and values[3] is not None else [1] * len(starts)
    parts: list[tuple[int, Labels]] = []
    for number, (first, last, axis, step) in enumerate(zip(starts, ends, listed, steps, strict=True)):
        position = int(axis) % len(axes)
        cut = slice(int(first), int(last), int(step))
        if node.input[0] in trace.origins:
            trace.origins[node.output[0]] = trace.origins[node.input[0]][cut]
        labels = axes[position]
        if labels is None:
            continue
        if step != 1 or len(labels[cut]) < 2:
            trace.keep(labels, f"Slice ({node.name}) takes single positions of it")
            axes[position] = None if len(labels[cut]) < 2 else labels[cut]
        else:
            parts.append((number, labels))
            axes[position] = labels[cut]
    if parts:
        trace.resizes.append(Resize(node.name, tuple(parts)))
    return [axes]


@rule("DepthToSpace", "SpaceToDepth")
def depth(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    """Channels that become neighbours in space (or come from them) go together."""
    labels, blocks = trace.of(node.input[0])[1], int(attributes["blocksize"]) ** 2
    made: Labels | None = None
    if labels is not None and node.op_type == "SpaceToDepth":
        made = np.tile(labels, blocks)
    elif labels is not None:
        columns = attributes.get("mode", "DCR") == "DCR"
        sheet: Labels = labels.reshape(blocks, -1) if columns else labels.reshape(-1, blocks).T
        trace.atoms.tie(sheet, sheet[:1])
        if sheet.shape[1] > 1:
            made = sheet[0]
        else:
            trace.keep(labels, f"{node.op_type} ({node.name}) makes a single channel of it")
    return [[None, made, None, None]]


def _pass_origins(trace: Trace, node: onnx.NodeProto, choose: Choice) -> None:
    origins = trace.origins.get(node.input[0])
    if origins is None:
        return
    if kind_of(node) in ("Cast", "Identity", "Gather", "Squeeze", "Unsqueeze"):
        trace.origins[node.output[0]] = choose(origins)
