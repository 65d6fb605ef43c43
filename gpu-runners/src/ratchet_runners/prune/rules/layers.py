"""Layers that sum over channels or features: convolutions, matrix products."""

from __future__ import annotations

from math import prod
from typing import Any

import onnx

from ratchet_runners.prune.atoms import Labels
from ratchet_runners.prune.trace import Axes, Product, Trace, rule


@rule("Conv")
def conv(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    """Weights are [outputs, inputs / groups, *kernel]."""
    data, weight = node.input[0], node.input[1]
    groups = int(attributes.get("group", 1))
    axes, kernel = trace.of(data), trace.of(weight)
    outputs, inputs = kernel[0], axes[1]
    trace.note(trace.made, (weight, 0), node)
    if groups == 1:
        trace.tie(inputs, kernel[1], f"Conv ({node.name}) takes what keeps its shape")
        trace.note(trace.summed, (weight, 1), node)
    else:
        _grouped(
            trace, node, groups, inputs, outputs, kernel[1], trace.size(weight)[1], trace.size(weight)[0] // groups
        )
    _bias(trace, node, outputs)
    positions = prod(trace.size(node.output[0])[2:]) * prod(trace.size(weight)[2:])
    _count(trace, node, positions, trace.size(weight)[:2], (outputs, kernel[1]))
    return [[axes[0], outputs, *([None] * (len(axes) - 2))]]


@rule("ConvTranspose")
def conv_transpose(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    """Weights are [inputs, outputs / groups, *kernel]."""
    data, weight = node.input[0], node.input[1]
    groups = int(attributes.get("group", 1))
    axes, kernel = trace.of(data), trace.of(weight)
    inputs = trace.tie(axes[1], kernel[0], f"ConvTranspose ({node.name}) takes what keeps its shape")
    trace.note(trace.summed, (weight, 0), node)
    if groups == 1:
        outputs = kernel[1]
        trace.note(trace.made, (weight, 1), node)
    else:
        width = trace.size(weight)[1]
        outputs = trace.atoms.fresh(groups * width)
        _grouped(trace, node, groups, inputs, outputs, None, trace.size(weight)[0] // groups, width)
        trace.keep(kernel[1], f"ConvTranspose ({node.name}) has groups")
    _bias(trace, node, outputs)
    positions = prod(trace.size(data)[2:]) * prod(trace.size(weight)[2:])
    _count(trace, node, positions, trace.size(weight)[:2], (kernel[0], kernel[1]))
    return [[axes[0], outputs, *([None] * (len(axes) - 2))]]


def whole_groups(groups: int, wide_in: int, wide_out: int) -> bool:
    """Whether a grouped convolution loses groups; else every group loses the same channels."""
    return groups >= min(wide_in, wide_out)


def _grouped(
    trace: Trace,
    node: onnx.NodeProto,
    groups: int,
    inputs: Labels | None,
    outputs: Labels | None,
    within: Labels | None,
    wide_in: int,
    wide_out: int,
) -> None:
    """Whole groups go; where there are fewer groups than channels in one, the same channel goes from each group."""
    reason = f"{node.op_type} ({node.name}) works in groups on what keeps its shape"
    if inputs is None or outputs is None:
        for labels in (inputs, outputs, within):
            trace.keep(labels, reason)
        return
    by_group_in, by_group_out = inputs.reshape(groups, wide_in), outputs.reshape(groups, wide_out)
    if within is not None and not whole_groups(groups, wide_in, wide_out):
        trace.atoms.tie(by_group_in, within[None, :])
        trace.atoms.tie(by_group_out, by_group_out[:1])
        trace.note(trace.summed, (node.input[1], 1), node)
        return
    trace.keep(within, f"{node.op_type} ({node.name}) loses whole groups only")
    trace.atoms.tie(by_group_in, by_group_in[:, :1])
    trace.atoms.tie(by_group_out, by_group_in[:, :1])


def _bias(trace: Trace, node: onnx.NodeProto, outputs: Labels | None) -> None:
    if len(node.input) > 2 and node.input[2]:
        trace.tie(outputs, trace.of(node.input[2])[0], f"{node.op_type} ({node.name}) has an output that must stay")


@rule("Gemm")
def gemm(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    a, b = node.input[0], node.input[1]
    over_a, rows_axis = (0, 1) if attributes.get("transA", 0) else (1, 0)
    over_b, out_axis = (1, 0) if attributes.get("transB", 0) else (0, 1)
    reason = f"Gemm ({node.name}) takes what keeps its shape"
    summed = trace.tie(trace.of(a)[over_a], trace.of(b)[over_b], reason)
    rows, outputs = trace.of(a)[rows_axis], trace.of(b)[out_axis]
    _name(trace, node, b, over_b, out_axis)
    if len(node.input) > 2 and node.input[2]:
        bias = trace.of(node.input[2])
        for labels, length, partner in zip(bias[::-1], trace.size(node.input[2])[::-1], (outputs, rows), strict=False):
            if length > 1:
                trace.tie(partner, labels, f"Gemm ({node.name}) has an output that must stay")
    made_rows, made_columns = trace.size(node.output[0])
    sizes = (made_rows, made_columns, trace.size(a)[over_a])
    _count(trace, node, 1 / trace.probe.batch, sizes, (rows, outputs, summed))
    return [[rows, outputs]]


@rule("MatMul")
def matmul(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    """Leading axes are broadcast; a leading axis of two computed operands is that of attention heads."""
    a, b = node.input[0], node.input[1]
    if min(len(trace.size(a)), len(trace.size(b))) < 2:
        for name in (a, b):
            trace.keep_all(name, f"MatMul ({node.name}) takes a vector")
        return [trace.free(node.output[0])]
    left, right = trace.of(a), trace.of(b)
    summed = trace.tie(left[-1], right[-2], f"MatMul ({node.name}) takes what keeps its shape")
    made: Axes = []
    rank = len(trace.size(node.output[0]))
    for position in range(rank - 2):
        made.append(_leading(trace, node, a, b, position - rank))
    _name(trace, node, b, len(right) - 2, len(right) - 1)
    if trace.graph.is_constant(a):
        _name(trace, node, a, len(left) - 1, len(left) - 2)
    axes: Axes = [*made, left[-2], right[-1]]
    sizes = (*trace.size(node.output[0]), trace.size(a)[-1])
    _count(trace, node, 1 / trace.probe.batch, sizes, (*axes, summed))
    return [axes]


def _leading(trace: Trace, node: onnx.NodeProto, a: str, b: str, position: int) -> Labels | None:
    found = [
        trace.of(name)[position]
        for name in (a, b)
        if -position <= len(trace.size(name)) and trace.size(name)[position] > 1
    ]
    if len(found) == 2:
        labels = trace.tie(found[0], found[1], f"MatMul ({node.name}) pairs it with what keeps its shape")
        if labels is not None and not (trace.graph.is_constant(a) or trace.graph.is_constant(b)):
            trace.heads.append(labels)
        return labels
    return found[0] if found else None


def _name(trace: Trace, node: onnx.NodeProto, weight: str, over: int, out: int) -> None:
    """Says which axis of a constant weight makes outputs and over which one is summed."""
    if trace.graph.is_constant(weight):
        trace.note(trace.made, (weight, out), node)
        trace.note(trace.summed, (weight, over), node)


def _count(
    trace: Trace, node: onnx.NodeProto, fixed: float, sizes: tuple[int, ...], axes: tuple[Labels | None, ...]
) -> None:
    for size, labels in zip(sizes, axes, strict=True):
        fixed *= 1 if labels is not None else size
    trace.products.append(Product(node.name, tuple(labels for labels in axes if labels is not None), fixed))
