"""Which constants of a graph are weights that training may change, and which are settings, statistics or masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, numpy_helper

from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import constant_of

Array = npt.NDArray[Any]

#: Inputs, by operator, that are settings, statistics, masks, initial states, or divisors that must not pass zero.
FROZEN_INPUTS: dict[str, tuple[int, ...]] = {
    "AffineGrid": (1,),
    "Attention": (3,),
    "BatchNormalization": (3, 4),
    "Clip": (1, 2),
    "CumSum": (1,),
    "Div": (1,),
    "Dropout": (1, 2),
    "GRU": (4, 5),
    "GridSample": (1,),
    "LSTM": (4, 5, 6),
    "Mod": (0, 1),
    "OneHot": (0, 1, 2),
    "Pad": (1, 2, 3),
    "Pow": (1,),
    "RNN": (4, 5),
    "Range": (0, 1, 2),
    "Resize": (1, 2, 3),
    "RotaryEmbedding": (1, 2),
    "Tile": (1,),
    "Where": (0, 1, 2),
}
#: A constant with numbers beyond this is a mask that is added before a softmax, no weight.
LARGEST_WEIGHT = 1e4


def constants_of(model: onnx.ModelProto) -> dict[str, Array]:
    """Initializers and the values of Constant nodes, by name."""
    found: dict[str, Array] = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        value = constant_of(node) if node.op_type == "Constant" else None
        if value is not None:
            found[node.output[0]] = value
    return found


def trainable_names(model: onnx.ModelProto) -> list[str]:
    """Float initializers of more than one number that nothing uses as a setting, in the order of the graph.

    Single numbers (an epsilon, an exponent, the scale of an attention) are no weights either.
    """
    frozen = {
        node.input[position]
        for node in model.graph.node
        for position in FROZEN_INPUTS.get(node.op_type, ())
        if position < len(node.input)
    }
    return [
        tensor.name
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT
        and int(np.prod(tensor.dims or [1])) > 1
        and tensor.name not in frozen
        and float(np.abs(numpy_helper.to_array(tensor)).max(initial=0.0)) <= LARGEST_WEIGHT
    ]


def tensor_of(name: str, array: Array) -> torch.Tensor:
    """A constant as torch holds it. @throws ModelUnusable for element types that torch has no equal of"""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.astype(np.float32)).to(torch.bfloat16)
    if array.dtype.name in ("int4", "int2"):
        return torch.from_numpy(array.astype(np.int8))
    if array.dtype.name in ("uint4", "uint2"):
        return torch.from_numpy(array.astype(np.uint8))
    try:
        return torch.from_numpy(array.copy())
    except TypeError as error:
        raise ModelUnusable(
            "The model cannot be trained", [f"constant {name} has elements of type {array.dtype}"]
        ) from error
