"""Operators that treat every position alike, normalisations and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from ratchet_runners.prune.trace import Axes, Trace, rule

UNARY = (
    *("Relu", "LeakyRelu", "Sigmoid", "Tanh", "Erf", "Gelu", "HardSwish", "HardSigmoid", "Clip", "Elu", "Selu", "Celu"),
    *("Softplus", "Softsign", "Mish", "Swish", "ThresholdedRelu", "Exp", "Log", "Sqrt", "Neg", "Abs", "Reciprocal"),
    *("Floor", "Ceil", "Round", "Sign", "Not", "Dropout", "Sin", "Cos", "Atan", "IsNaN"),
    *("com.microsoft::Gelu", "com.microsoft::QuickGelu"),
)
NARY = (
    *("Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Sum", "Mean", "PRelu", "Where", "And", "Or", "Xor", "Equal"),
    *("Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Mod"),
    *("com.microsoft::BiasGelu", "com.microsoft::FastGelu"),
)
#: Reductions to which a channel of zeros adds nothing.
SUMS = ("ReduceSum", "ReduceSumSquare", "ReduceL1", "ReduceL2")


@rule(*UNARY)
def unary(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    axes = trace.of(node.input[0])
    return [list(axes) for _ in node.output]


@rule(*NARY)
def broadcast(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    """Axes are aligned from the right; those of length 1 take part in nothing."""
    names = [name for name in node.input if name]
    rank = len(trace.size(node.output[0]))
    made: Axes = []
    for position in range(rank):
        taking: list[tuple[str, int]] = []
        for name in names:
            axis = position - (rank - len(trace.size(name)))
            if axis >= 0 and trace.size(name)[axis] > 1:
                taking.append((name, axis))
        if not taking:
            made.append(None)
            continue
        labels = trace.of(taking[0][0])[taking[0][1]]
        for name, axis in taking[1:]:
            reason = f"{node.op_type} ({node.name}) joins it with something that keeps its shape"
            labels = trace.tie(labels, trace.of(name)[axis], reason)
        made.append(labels)
    return [made]


@rule("BatchNormalization", "InstanceNormalization")
def channel_normalization(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    axes = list(trace.of(node.input[0]))
    for name in node.input[1:]:
        axes[1] = trace.tie(axes[1], trace.of(name)[0], f"{node.op_type} ({node.name}) works on what keeps its shape")
    return [axes]


@rule(
    *(
        "LayerNormalization",
        "RMSNormalization",
        "SimplifiedLayerNormalization",
        "com.microsoft::SkipLayerNormalization",
    ),
    "com.microsoft::SkipSimplifiedLayerNormalization",
)
def layer_normalization(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    """Its mean and variance go over all features: without one of them all others would change."""
    rank = len(trace.size(node.input[0]))
    axis = int(attributes.get("axis", -1)) % rank
    reason = f"{node.op_type} ({node.name}) normalises over it"
    skipped = node.domain == "com.microsoft"
    full = [name for name in node.input[: 2 if skipped else 1] if name]
    axes = list(trace.of(full[0]))
    for name in full[1:]:
        axes = [trace.tie(one, other, reason) for one, other in zip(axes, trace.of(name), strict=True)]
    for position in range(axis, rank):
        trace.keep(axes[position], reason)
        axes[position] = None
    for name in node.input[len(full) :]:
        if name:
            trace.keep_all(name, reason)
    return [list(axes) if len(trace.size(name)) == rank else trace.free(name) for name in node.output if name]


@rule("Softmax", "LogSoftmax", "Hardmax", "LpNormalization", "CumSum")
def along_an_axis(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    axes = list(trace.of(node.input[0]))
    first = int(attributes.get("axis", -1 if trace.opset >= 13 else 1)) % len(axes)
    if node.op_type == "CumSum":
        value = trace.value(node.input[1])
        first = 0 if value is None else int(value.ravel()[0]) % len(axes)
    last = len(axes) if trace.opset < 13 and node.op_type not in ("LpNormalization", "CumSum") else first + 1
    for position in range(first, last):
        if node.op_type != "LpNormalization":
            trace.keep(axes[position], f"{node.op_type} ({node.name}) goes along it")
    return [axes]


@rule(
    *("MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "Resize", "Upsample"),
    "Pad",
)
def over_space(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    """Works on each channel by itself; along axes whose length it changes nothing may go."""
    written_out = node.op_type == "Resize" and len(node.input) > 3 and bool(node.input[3])
    pairs = zip(trace.size(node.input[0]), trace.size(node.output[0]), strict=True)
    axes = list(trace.of(node.input[0]))
    for position, (before, after) in enumerate(pairs):
        if before != after or written_out:
            trace.keep(axes[position], f"{node.op_type} ({node.name}) sets its length")
            axes[position] = None
    return [list(axes) for _ in node.output]


@rule(
    *("ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceLogSum", "ReduceLogSumExp", *SUMS),
    *("ArgMax", "ArgMin"),
)
def reduction(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    axes = trace.of(node.input[0])
    rank = len(axes)
    listed: Any = attributes.get("axes")
    if node.op_type in ("ArgMax", "ArgMin"):
        listed = [attributes.get("axis", 0)]
    elif len(node.input) > 1 and node.input[1]:
        value = trace.value(node.input[1])
        listed = range(rank) if value is None else value.ravel().tolist()
    elif attributes.get("noop_with_empty_axes", 0) and not listed:
        return [list(axes)]
    reduced = {int(axis) % rank for axis in (listed or range(rank))}
    for position in sorted(reduced):
        labels = axes[position]
        if labels is not None and node.op_type not in SUMS:
            trace.keep(labels, f"{node.op_type} ({node.name}) is taken over it")
        elif labels is not None:
            trace.note(trace.summed, (node.input[0], position), node)
    kept = bool(attributes.get("keepdims", 1))
    return [
        [None if position in reduced else axes[position] for position in range(rank) if kept or position not in reduced]
    ]


@rule("QuantizeLinear", "DequantizeLinear")
def quantization(trace: Trace, node: onnx.NodeProto, attributes: dict[str, Any]) -> list[Axes]:
    """One scale a tensor takes part in nothing; one a channel follows the channel."""
    axes = list(trace.of(node.input[0]))
    for name in node.input[1:]:
        shape = trace.size(name) if name else ()
        if int(np.prod(shape)) <= 1:
            continue
        reason = f"{node.op_type} ({node.name}) has a scale for each position"
        if len(shape) == 1:
            position = int(attributes.get("axis", 1)) % len(axes)
            axes[position] = trace.tie(axes[position], trace.of(name)[0], reason)
        else:
            trace.keep_all(name, reason)
            trace.keep_all(node.input[0], reason)
    return [axes]
