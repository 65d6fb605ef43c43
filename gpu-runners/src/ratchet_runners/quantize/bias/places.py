"""Where a layer's bias is held in a quantized graph, and how something is added to it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from ratchet_runners.model.graph import Graph, kind_of
from ratchet_runners.quantize.counterpart import Counterpart, spread
from ratchet_runners.quantize.layers import held_by

Doubles = npt.NDArray[np.float64]


def add_to_bias(graph: Graph, pair: Counterpart, shift: Doubles) -> bool:
    """Adds `shift` (one number an output channel) to what the layer gives; False where no constant can take it.

    A bias in int32 has the scale of the products that it is added to; one is made where there is none, because
    ONNX Runtime's integer kernels take no float bias.
    """
    node = graph.nodes[pair.layer.name]
    if pair.layer.kind == "MatMul":
        return _add_behind(graph, node, shift)
    if pair.layer.kind == "Gemm":
        beta = float(pair.layer.attributes.get("beta", 1.0))
        if beta == 0:
            return False
        shift = shift / beta
    if len(node.input) < 3 or not node.input[2]:
        return _make(graph, pair, node, shift)
    constant, dequantize = held_by(graph, node.input[2])
    if constant is None or len(graph.consumers(constant)) > 1 or len(graph.consumers(node.input[2])) > 1:
        return False
    if dequantize is None:
        return _add_float(graph, constant, shift)
    return _add_integers(graph, constant, dequantize, shift)


def _add_float(graph: Graph, name: str, shift: Doubles) -> bool:
    value = graph.constant(name)
    if value.size not in (1, shift.size):
        return False
    made = (value.reshape(-1) + shift).astype(np.float32)
    graph.set_constant(name, made.reshape(value.shape) if value.size == shift.size else made)
    return True


def _add_integers(graph: Graph, name: str, dequantize: onnx.NodeProto, shift: Doubles) -> bool:
    value = graph.constant(name)
    if value.size != shift.size:
        return False
    scale = spread(dequantize, graph.constant(dequantize.input[1]), value.shape)
    limits = np.iinfo(value.dtype)
    moved = np.clip(np.rint(value + (shift.reshape(value.shape) / scale)), limits.min, limits.max)
    graph.set_constant(name, moved.astype(value.dtype))
    return True


def _make(graph: Graph, pair: Counterpart, node: onnx.NodeProto, shift: Doubles) -> bool:
    activation = graph.producer(node.input[0])
    weight = graph.nodes[pair.layer.dequantize or ""]
    if activation is None or kind_of(activation) != "DequantizeLinear" or not graph.is_constant(activation.input[1]):
        return False
    weight_scale = graph.constant(weight.input[1])
    activation_scale = graph.constant(activation.input[1])
    if activation_scale.size != 1 or weight_scale.size not in (1, shift.size):
        return False
    scale = (weight_scale.reshape(-1) * activation_scale.reshape(())).astype(np.float32)
    name = graph.fresh_name(f"{pair.layer.name}_bias")
    integers = np.clip(np.rint(shift / scale), -(2**31), 2**31 - 1).astype(np.int32)
    graph.set_constant(name, integers)
    graph.set_constant(f"{name}_scale", scale if scale.size > 1 else scale.reshape(()))
    graph.set_constant(f"{name}_zero", np.zeros(scale.shape if scale.size > 1 else (), np.int32))
    made = helper.make_node(
        "DequantizeLinear",
        [name, f"{name}_scale", f"{name}_zero"],
        [f"{name}_out"],
        name=f"{name}_dequantize",
        axis=0,
    )
    kept = list(node.input)[:2]
    del node.input[:]
    node.input.extend([*kept, f"{name}_out"])
    graph.insert([made])
    return True


def _add_behind(graph: Graph, node: onnx.NodeProto, shift: Doubles) -> bool:
    """A product has no bias of its own: an Add of a constant behind it, perhaps behind a Q/DQ pair, has it."""
    tensor = node.output[0]
    for _ in range(3):
        users = graph.consumers(tensor)
        if len(users) != 1 or tensor in graph.outputs:
            return False
        user = users[0]
        if kind_of(user) in ("QuantizeLinear", "DequantizeLinear") and user.input[0] == tensor:
            tensor = user.output[0]
            continue
        if kind_of(user) != "Add":
            return False
        other = next((name for name in user.input if name != tensor), tensor)
        constant, dequantize = held_by(graph, other)
        if constant is None or dequantize is not None or len(graph.consumers(constant)) > 1:
            return False
        if graph.constant(constant).shape[-1:] != (shift.size,):
            return False
        return _add_float(graph, constant, shift)
    return False
