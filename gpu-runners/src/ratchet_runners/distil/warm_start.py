"""The float model inside a quantized one: what a champion has learned is where the next student starts."""

from __future__ import annotations

import numpy as np
import onnx

from ratchet_runners.model.graph import Array, Graph, attributes_of, copy_of, kind_of

PAIRS = frozenset({"QuantizeLinear", "DequantizeLinear"})


def dequantized(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """The model without its Q/DQ pairs: weights as the numbers that their integers stand for, activations in floating
    point. None where something else in it is quantized, or its integers are packed in a way that is not known here.
    """
    graph = Graph(copy_of(model))
    for node in list(graph.nodes.values()):
        if kind_of(node) == "DequantizeLinear" and graph.is_constant(node.input[0]):
            value = _float_of(node, graph)
            if value is None:
                return None
            name = graph.fresh_name(node.input[0].removesuffix("_quantized"))
            graph.set_constant(name, value)
            _take_instead(graph, node, name)
    for node in list(graph.nodes.values()):
        if kind_of(node) == "QuantizeLinear":
            after = graph.consumers(node.output[0])
            if not after or any(kind_of(each) != "DequantizeLinear" for each in after):
                return None
            for each in after:
                _take_instead(graph, each, node.input[0])
            graph.remove([node])
    graph.drop_unused_constants()
    graph.sort()
    left = {kind_of(node) for node in graph.model.graph.node}
    return (
        None
        if left & PAIRS or any("Integer" in kind or "QLinear" in kind or "NBits" in kind for kind in left)
        else graph.model
    )


def _take_instead(graph: Graph, node: onnx.NodeProto, name: str) -> None:
    """Removes a node; whoever took its output takes `name`, and an output of the graph keeps its own name."""
    made = node.output[0]
    for user in graph.consumers(made):
        graph.rename_input(user, made, name)
    graph.remove([node])
    if made in graph.outputs:
        graph.insert([onnx.helper.make_node("Identity", [name], [made], name=graph.fresh_name(f"{made}_identity"))])


def _float_of(node: onnx.NodeProto, graph: Graph) -> Array | None:
    """(integers - zero point) * scale, per tensor, per channel or per block along an axis (ONNX, DequantizeLinear)."""
    names = list(node.input)
    if not all(graph.is_constant(name) for name in names if name):
        return None
    settings = attributes_of(node)
    integers = graph.constant(names[0])
    scale = graph.constant(names[1]).astype(np.float32)
    zero = graph.constant(names[2]) if len(names) > 2 and names[2] else np.zeros((), np.int8)
    try:
        numbers, zeros = integers.astype(np.int64), zero.astype(np.int64)
    except (TypeError, ValueError):
        return None
    if scale.size == 1:
        return (numbers - zeros.reshape(-1)[0]).astype(np.float32) * scale.reshape(-1)[0]
    axis = int(settings.get("axis", 1)) % numbers.ndim
    block = int(settings.get("block_size", 0))
    if block:
        spread = [np.repeat(each, block, axis=axis) for each in (scale, np.broadcast_to(zeros, scale.shape))]
        cut = tuple(slice(0, size) for size in numbers.shape)
        return (numbers - spread[1][cut]).astype(np.float32) * spread[0][cut]
    shape = [-1 if at == axis else 1 for at in range(numbers.ndim)]
    offset = zeros.reshape(shape) if zeros.size > 1 else zeros.reshape(-1)[0]
    return (numbers - offset).astype(np.float32) * scale.reshape(shape)
