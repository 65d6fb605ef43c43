"""Which numbers of a model are weights, how many bits each has, and how the model as a whole holds its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import onnx
from onnx import TensorProto

from ratchet_runners.model.graph import attributes_of, kind_of
from ratchet_runners.technique import Form

BITS: dict[int, int] = {
    TensorProto.DOUBLE: 64,
    TensorProto.FLOAT: 32,
    TensorProto.INT32: 32,
    TensorProto.FLOAT16: 16,
    TensorProto.BFLOAT16: 16,
    TensorProto.INT16: 16,
    TensorProto.UINT16: 16,
    TensorProto.INT8: 8,
    TensorProto.UINT8: 8,
    TensorProto.FLOAT8E4M3FN: 8,
    TensorProto.FLOAT8E4M3FNUZ: 8,
    TensorProto.FLOAT8E5M2: 8,
    TensorProto.FLOAT8E5M2FNUZ: 8,
    TensorProto.INT4: 4,
    TensorProto.UINT4: 4,
    TensorProto.FLOAT4E2M1: 4,
    **{kind: 2 for name, kind in TensorProto.DataType.items() if name in ("INT2", "UINT2")},  # not in older releases
}

#: Scales and zero points: how the integers are to be read, not weights themselves.
SETTINGS: dict[str, tuple[int, ...]] = {
    "QuantizeLinear": (1, 2),
    "DequantizeLinear": (1, 2),
    "com.microsoft::QuantizeLinear": (1, 2),
    "com.microsoft::DequantizeLinear": (1, 2),
    "QLinearConv": (1, 2, 4, 5, 6, 7),
    "QLinearMatMul": (1, 2, 4, 5, 6, 7),
    "com.microsoft::QGemm": (1, 2, 4, 5, 7, 8),
    "MatMulInteger": (2, 3),
    "ConvInteger": (2, 3),
    "com.microsoft::MatMulIntegerToFloat": (2, 3, 4, 5),
    "com.microsoft::DynamicQuantizeMatMul": (2, 3),
    "com.microsoft::DynamicQuantizeLSTM": (8, 9, 10, 11),
    "com.microsoft::MatMulNBits": (2, 3, 4),
    "com.microsoft::GatherBlockQuantized": (2, 3),
}

#: Integers of these types are weights wherever they stand, unless they are settings.
_SMALL = frozenset(kind for kind, bits in BITS.items() if bits <= 16)
_FLOATS = frozenset({TensorProto.DOUBLE, TensorProto.FLOAT})
_DYNAMIC = frozenset(
    {
        "DynamicQuantizeLinear",
        "MatMulInteger",
        "ConvInteger",
        "com.microsoft::MatMulIntegerToFloat",
        "com.microsoft::DynamicQuantizeMatMul",
        "com.microsoft::DynamicQuantizeLSTM",
    }
)
_QUANTIZE = frozenset({"QuantizeLinear", "com.microsoft::QuantizeLinear"})
_INTEGER_PRODUCTS = frozenset({"QLinearConv", "QLinearMatMul", "com.microsoft::QGemm"})
_BLOCKS = frozenset({"com.microsoft::MatMulNBits", "com.microsoft::GatherBlockQuantized"})


def nodes_of(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those in branches and loop bodies included."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes_of(attribute.g)


def constants_of(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Initializers, and the values of Constant nodes under the names of their outputs; each without a copy."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.HasField("t"):
                named = onnx.TensorProto(name=node.output[0], data_type=attribute.t.data_type, dims=attribute.t.dims)
                yield named
            elif attribute.HasField("g"):
                yield from constants_of(attribute.g)


def weights_by_bits(model: onnx.ModelProto) -> dict[int, int]:
    """How many weights have how many bits, widest first.

    Weights are all constant numbers that values are computed from: floats, and integers that stand for them (block
    weights of `MatMulNBits` by their logical number, indices into a codebook by the bits of an index). Scales, zero
    points, shapes and axes are none, nor is a single number: exporters write epsilons and exponents as such.
    """
    settings: set[str] = set()
    packed: dict[str, tuple[int, int]] = {}
    dequantized: set[str] = set()
    for node in nodes_of(model.graph):
        kind = kind_of(node)
        settings.update(node.input[place] for place in SETTINGS.get(kind, ()) if place < len(node.input))
        if kind in _BLOCKS:
            _note_blocks(node, packed)
        elif kind.endswith("DequantizeLinear"):
            dequantized.add(node.input[0])
        elif kind == "QLinearConv" and len(node.input) > 8:
            dequantized.add(node.input[8])
    found: dict[int, int] = {}
    for tensor in constants_of(model.graph):
        bits, number = BITS.get(tensor.data_type, 0), math.prod(tensor.dims)
        counts = tensor.data_type in _SMALL or tensor.data_type in _FLOATS or tensor.name in dequantized
        if not counts or tensor.name in settings or number < 2 or not bits:
            continue
        if tensor.name in packed:
            bits, logical = packed[tensor.name]
            number = logical or number * 8 // bits
        found[bits] = found.get(bits, 0) + number
    return dict(sorted(found.items(), reverse=True))


def _note_blocks(node: onnx.NodeProto, packed: dict[str, tuple[int, int]]) -> None:
    attributes = attributes_of(node)
    if kind_of(node) == "com.microsoft::MatMulNBits":
        packed[node.input[1]] = (int(attributes.get("bits", 4)), int(attributes["K"]) * int(attributes["N"]))
    elif "bits" in attributes:
        packed[node.input[0]] = (int(attributes["bits"]), 0)


def form_of(model: onnx.ModelProto) -> Form:
    """How the model holds its numbers; where several forms meet, the one that reaches furthest into the arithmetic:
    integer activations with known scales, then scales found while serving, then FP16, then smaller weights alone."""
    constants = {tensor.name: tensor for tensor in constants_of(model.graph)}
    kinds = {kind_of(node) for node in nodes_of(model.graph)}
    if kinds & _INTEGER_PRODUCTS or _quantizes_activations(model, constants):
        return "qdq"
    if kinds & _DYNAMIC:
        return "dynamic"
    if _computes_in_half(model, constants):
        return "half"
    small = any(bits < 32 for bits in weights_by_bits(model))
    return "weights" if small or kinds & _BLOCKS else "float"


def _quantizes_activations(model: onnx.ModelProto, constants: dict[str, onnx.TensorProto]) -> bool:
    return any(
        kind_of(node) in _QUANTIZE and node.input[0] not in constants  # constant ones are folded before serving
        for node in nodes_of(model.graph)
    )


def _computes_in_half(model: onnx.ModelProto, constants: dict[str, onnx.TensorProto]) -> bool:
    """Whether a 16-bit weight goes into an operator as it is; one that is cast to FP32 first is only stored so."""
    halves = {
        name for name, tensor in constants.items() if tensor.data_type in (TensorProto.FLOAT16, TensorProto.BFLOAT16)
    }
    settings = {
        node.input[place]
        for node in nodes_of(model.graph)
        for place in SETTINGS.get(kind_of(node), ())
        if place < len(node.input)
    }
    return any(
        name in halves - settings
        for node in nodes_of(model.graph)
        if kind_of(node) not in ("Cast", "DequantizeLinear")
        for name in node.input
    )
