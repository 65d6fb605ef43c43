"""Which nodes are worth eight bits: weighted ones, and what lies between them."""

from __future__ import annotations

from collections.abc import Collection

import onnx

#: Position of the weight among the inputs.
WEIGHTED = {"Conv": 1, "Gemm": 1, "MatMul": 1}

#: Operators that carry eight bits on when everything they take comes in eight bits already. What is not here (soft-max,
#: the pieces of a decomposed layer norm or GELU, powers, divisions) loses far more than it gains.
CARRIERS = frozenset(
    {
        "Add",
        "AveragePool",
        "Clip",
        "Concat",
        "Flatten",
        "GlobalAveragePool",
        "MaxPool",
        "Relu",
        "Reshape",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    }
)


#: A convolution over fewer input channels has nothing to fill a vector of eight-bit products with.
FEWEST_CHANNELS = 4


def shallow_nodes(model: onnx.ModelProto) -> list[str]:
    """Names of ungrouped convolutions over so few channels (an image's own) that eight bits make them slower."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "Conv"
        and node.input[1] in weights
        and weights[node.input[1]].dims[1] < FEWEST_CHANNELS
        and all(attribute.i == 1 for attribute in node.attribute if attribute.name == "group")
    ]


def weighted_nodes(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes whose constant weight is worth eight bits, in the graph's order."""
    constants = {tensor.name for tensor in model.graph.initializer}
    shallow = set(shallow_nodes(model))
    return [
        node.name
        for node in model.graph.node
        if node.op_type in WEIGHTED
        and node.name not in shallow
        and node.domain in ("", "ai.onnx")
        and node.input[WEIGHTED[node.op_type]] in constants
        and node.input[0] not in constants
    ]


def island_nodes(model: onnx.ModelProto, weighted: Collection[str]) -> list[str]:
    """The weighted nodes and the carriers between them, in the graph's order."""
    constants = {tensor.name for tensor in model.graph.initializer}
    eight_bit: set[str] = set()
    chosen: list[str] = []
    for node in model.graph.node:
        carries = node.op_type in CARRIERS and node.domain in ("", "ai.onnx") and _fed(node, eight_bit, constants)
        if node.name in weighted or carries:
            chosen.append(node.name)
            eight_bit.update(node.output)
    return chosen


def _fed(node: onnx.NodeProto, eight_bit: Collection[str], constants: Collection[str]) -> bool:
    if node.op_type in ("Add", "Concat"):
        return all(name in eight_bit for name in node.input)
    return bool(node.input) and node.input[0] in eight_bit and node.input[0] not in constants
