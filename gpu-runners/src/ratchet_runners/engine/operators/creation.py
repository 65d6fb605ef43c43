"""Tensors out of settings, and other element types."""

from __future__ import annotations

import math

import torch
from onnx import TensorProto, numpy_helper

from ratchet_runners.engine.operators.registry import (
    Attributes,
    Inputs,
    UnsupportedForm,
    given,
    operator,
    optional,
    together,
)

#: Element types that torch can compute with.
TYPES: dict[int, torch.dtype] = {
    int(TensorProto.FLOAT): torch.float32,
    int(TensorProto.DOUBLE): torch.float64,
    int(TensorProto.FLOAT16): torch.float16,
    int(TensorProto.BFLOAT16): torch.bfloat16,
    int(TensorProto.INT8): torch.int8,
    int(TensorProto.UINT8): torch.uint8,
    int(TensorProto.INT16): torch.int16,
    int(TensorProto.INT32): torch.int32,
    int(TensorProto.INT64): torch.int64,
    int(TensorProto.BOOL): torch.bool,
}


def type_of(code: int) -> torch.dtype:
    """@throws UnsupportedForm for texts, unsigned integers beyond eight bits and eight-bit floats"""
    if code not in TYPES:
        raise UnsupportedForm(f"elements of type {TensorProto.DataType.Name(code).lower()}")
    return TYPES[code]


@operator("Cast")
def cast(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return given(inputs, 0).to(type_of(int(attributes["to"])))


@operator("CastLike")
def cast_like(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return given(inputs, 0).to(given(inputs, 1).dtype)


@operator("Range")
def numbers(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    start, limit, step = (given(inputs, position) for position in range(3))
    count = max(0, math.ceil((limit.item() - start.item()) / step.item()))
    return start.cpu() + torch.arange(count).to(start.dtype) * step.cpu()


@operator("ConstantOfShape")
def constant_of_shape(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    sizes = [int(size) for size in given(inputs, 0).tolist()]
    value = attributes.get("value")
    if value is None:
        return torch.zeros(sizes)
    return torch.full(sizes, numpy_helper.to_array(value).item(), dtype=type_of(value.data_type))


@operator("EyeLike")
def eye_like(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    like = given(inputs, 0)
    code, offset = attributes.get("dtype"), int(attributes.get("k", 0))
    kind = like.dtype if code is None else type_of(int(code))
    rows, columns = torch.arange(like.shape[0]), torch.arange(like.shape[1])
    return (columns[None, :] - rows[:, None] == offset).to(kind)


@operator("Trilu")
def triangle(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, offset = given(inputs, 0), optional(inputs, 1)
    diagonal = 0 if offset is None else int(offset)
    return torch.triu(x, diagonal) if attributes.get("upper", 1) else torch.tril(x, diagonal)


@operator("OneHot")
def one_hot(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    """An index beyond the depth is nowhere; a negative one counts from the end."""
    indices, values = together(given(inputs, 0), given(inputs, 2))
    depth, axis = int(given(inputs, 1)), int(attributes.get("axis", -1))
    indices = indices.to(torch.int64)
    indices = torch.where(indices < 0, indices + depth, indices)
    axis = axis % (indices.dim() + 1)
    places = torch.arange(depth, device=indices.device).reshape(-1, *[1] * (indices.dim() - axis))
    return torch.where(indices.unsqueeze(axis) == places, values[1], values[0])


@operator("AffineGrid")
def affine_grid(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    theta, sizes = given(inputs, 0), given(inputs, 1)
    return torch.nn.functional.affine_grid(
        theta, [int(size) for size in sizes.tolist()], align_corners=bool(attributes.get("align_corners", 0))
    )
