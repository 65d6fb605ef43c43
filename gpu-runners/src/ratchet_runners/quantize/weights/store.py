"""Puts encoded weights into a graph: packed for a kernel, as DequantizeLinear, or unpacked when the model is loaded."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from ratchet_runners.model.graph import Array, Graph
from ratchet_runners.quantize.layers import WEIGHTED, Layer
from ratchet_runners.quantize.weights.levels import Blocks, Books, Codes

FOUR_BITS = {False: TensorProto.UINT4, True: TensorProto.INT4}


def as_product(graph: Graph, layer: Layer, codes: Codes, levels: Blocks, accuracy_level: int) -> None:
    """Replaces a MatMul or Gemm with constant weight by MatMulNBits; the caller has folded the Gemm's factors.

    B holds (out, blocks, bytes), the lower nibble first, and the last block is filled up; without zero points
    the middle of the codes is zero.
    """
    node = graph.nodes[layer.name]
    outputs, width = codes.shape
    blocks, middle = levels.scale.shape[1], 2 ** (levels.bits - 1)
    filled = np.full((outputs, blocks * levels.size), middle, np.uint8)
    filled[:, :width] = codes
    packed = _nibbles(filled) if levels.bits == 4 else filled
    inputs = [layer.activation, _add(graph, f"{layer.weight}_packed", packed.reshape(outputs, blocks, -1))]
    inputs.append(_add(graph, f"{layer.weight}_scale", levels.scale.astype(np.float32).reshape(-1)))
    if not levels.symmetric:
        zero = levels.zero.astype(np.uint8)
        if levels.bits == 4:
            even = np.full((outputs, blocks + blocks % 2), middle, np.uint8)
            even[:, :blocks] = zero
            zero = _nibbles(even)
        inputs.append(_add(graph, f"{layer.weight}_zero", zero.reshape(-1)))
    if len(node.input) > 2 and node.input[2]:
        inputs += [""] * (5 - len(inputs)) + [node.input[2]]
    made = helper.make_node(
        "MatMulNBits",
        inputs,
        list(node.output),
        name=node.name,
        domain="com.microsoft",
        K=width,
        N=outputs,
        bits=levels.bits,
        block_size=levels.size,
        accuracy_level=accuracy_level,
    )
    node.CopyFrom(made)
    graph.reindex()


def as_dequantize(graph: Graph, layer: Layer, codes: Codes, levels: Blocks) -> None:
    """A DequantizeLinear before the node: one scale an output channel, or (opset 21) one a block of inputs."""
    axis = layer.output_axis
    centred = codes.astype(np.int16) - (2 ** (levels.bits - 1) if levels.symmetric else 0)
    inputs = [_add_integers(graph, f"{layer.weight}_codes", _laid(centred, axis), levels.bits, signed=levels.symmetric)]
    attributes: dict[str, Any] = {"axis": axis}
    scale, zero = levels.scale.astype(np.float32), levels.zero.astype(np.int16)
    if levels.scale.shape[1] == 1:
        scale, zero = scale[:, 0], zero[:, 0]
    else:
        scale, zero = _laid(scale, axis), _laid(zero, axis)
        attributes = {"axis": 1 - axis, "block_size": levels.size}
    inputs.append(_add(graph, f"{layer.weight}_scale", scale))
    if not levels.symmetric:
        inputs.append(_add_integers(graph, f"{layer.weight}_zero", zero, levels.bits, signed=False))
    _feed(graph, layer, [("DequantizeLinear", inputs, attributes)])


def as_stored(graph: Graph, layer: Layer, codes: list[Codes], levels: list[Blocks] | list[Books]) -> None:
    """Nodes that the runtime folds away when it loads the model; one entry a group of the layer.

    Uniform: (codes - zero) * scale; codebook: an entry looked up for each code.
    """
    steps: list[tuple[str, list[str], dict[str, Any]]]
    stacked = np.stack(codes)
    if isinstance(levels[0], Books):
        entries = np.stack([part.entries for part in levels if isinstance(part, Books)])
        count = entries.shape[-1]
        book = _add(graph, f"{layer.weight}_book", entries.astype(np.float32).reshape(-1))
        index = layer.shaped(stacked)
        held = _add_integers(graph, f"{layer.weight}_codes", index, 4 if count == 16 else 8, signed=False)
        steps = [("Cast", [held], {"to": TensorProto.INT32})]
        if entries.size > count:
            books = np.arange(entries.size // count, dtype=np.int32) * count
            rows = np.repeat(books, layer.outputs // len(books)).reshape(
                [-1 if axis == layer.output_axis else 1 for axis in range(len(layer.shape))]
            )
            steps.append(("Add", ["", _add(graph, f"{layer.weight}_offset", rows)], {}))
        steps.append(("Gather", [book, ""], {}))
        _feed(graph, layer, steps)
        return
    blocks = [part for part in levels if isinstance(part, Blocks)]
    first = blocks[0]
    count, width = stacked.shape[0] * stacked.shape[1], stacked.shape[2]
    per_block = first.scale.shape[1]
    scale = np.concatenate([part.scale for part in blocks]).astype(np.float32)
    zero = np.concatenate([part.zero for part in blocks])
    filled = np.zeros((count, per_block * first.size), np.int16)
    filled[:, :width] = stacked.reshape(count, width)
    filled = filled.reshape(count, per_block, first.size)
    centred = filled - (2 ** (first.bits - 1) if first.symmetric else 0)
    if per_block * first.size != width:
        raise ValueError(f"blocks of {first.size} do not divide {width} inputs")
    # One scale a channel keeps the weight's own shape; blocks are multiplied before it is restored.
    plain = per_block == 1 and layer.output_axis == 0
    shape = layer.shape if plain else (count, per_block, first.size)
    factor = (count, *[1] * (len(shape) - 1)) if plain else (count, per_block, 1)
    held = _add_integers(graph, f"{layer.weight}_codes", centred.reshape(shape), first.bits, signed=first.symmetric)
    steps = [("Cast", [held], {"to": TensorProto.FLOAT})]
    if not first.symmetric:
        steps.append(("Sub", ["", _add(graph, f"{layer.weight}_zero", zero.astype(np.float32).reshape(factor))], {}))
    steps.append(("Mul", ["", _add(graph, f"{layer.weight}_scale", scale.reshape(factor))], {}))
    if not plain:
        target = layer.shape if layer.output_axis == 0 else (layer.shape[1], layer.shape[0])
        steps.append(("Reshape", ["", _add(graph, f"{layer.weight}_shape", np.array(target, np.int64))], {}))
        if layer.output_axis == 1:
            steps.append(("Transpose", [""], {}))
    _feed(graph, layer, steps)


def _feed(graph: Graph, layer: Layer, steps: list[tuple[str, list[str], dict[str, Any]]]) -> None:
    """Chains nodes ("" stands for what the node before gave) and makes the layer take the last one's result."""
    made: list[onnx.NodeProto] = []
    last = ""
    for kind, inputs, attributes in steps:
        name = graph.fresh_name(f"{layer.weight}_{kind.lower()}")
        made.append(
            helper.make_node(kind, [given or last for given in inputs], [f"{name}_out"], name=name, **attributes)
        )
        last = f"{name}_out"
    node = graph.nodes[layer.name]
    node.input[WEIGHTED[layer.kind]] = last
    graph.insert(made)


def _laid(matrix: Array, output_axis: int) -> Array:
    return np.ascontiguousarray(matrix if output_axis == 0 else matrix.T)


def _nibbles(values: Array) -> Array:
    return values[..., 0::2] | (values[..., 1::2] << 4)


def _add(graph: Graph, wish: str, value: Array) -> str:
    name = graph.fresh_name(wish)
    graph.set_constant(name, value)
    return name


def _add_integers(graph: Graph, wish: str, values: Array, bits: int, signed: bool) -> str:
    """Adds a constant of 4 or 8 bits; 4-bit ones hold two numbers a byte, the lower nibble first."""
    if bits == 8:
        return _add(graph, wish, values.astype(np.int8 if signed else np.uint8))
    name = graph.fresh_name(wish)
    flat = (values.astype(np.int16) & 0xF).astype(np.uint8).reshape(-1)
    packed = _nibbles(np.concatenate([flat, np.zeros(len(flat) % 2, np.uint8)]))
    tensor = onnx.TensorProto(
        name=name, data_type=FOUR_BITS[signed], dims=list(values.shape), raw_data=packed.tobytes()
    )
    graph.model.graph.initializer.append(tensor)
    graph.reindex()
    return name
