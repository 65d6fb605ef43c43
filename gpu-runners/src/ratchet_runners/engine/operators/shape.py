"""Operators that only move numbers: shapes, orders, joins and splits."""

from __future__ import annotations

import math

import torch

from ratchet_runners.engine.operators.registry import (
    Attributes,
    Inputs,
    Outputs,
    UnsupportedForm,
    given,
    integers,
    only_output,
    operator,
    optional,
    together,
)


@operator("Identity")
def identity(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return given(inputs, 0)


@operator("Dropout")
def dropout(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    """As it serves: nothing is dropped."""
    only_output(attributes)
    training = optional(inputs, 2)
    if training is not None and bool(training):
        raise UnsupportedForm("dropout in training mode")
    return given(inputs, 0)


@operator("Shape")
def shape(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    sizes = list(given(inputs, 0).shape)
    return torch.tensor(sizes[attributes.get("start", 0) : attributes.get("end", len(sizes))], dtype=torch.int64)


@operator("Size")
def size(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return torch.tensor(given(inputs, 0).numel())


@operator("Flatten")
def flatten(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, axis = given(inputs, 0), int(attributes.get("axis", 1))
    axis = axis + x.dim() if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@operator("Reshape")
def reshape(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    sizes = [int(size) for size in given(inputs, 1).tolist()]
    if not attributes.get("allowzero", 0):
        sizes = [x.shape[position] if size == 0 else size for position, size in enumerate(sizes)]
    return x.reshape(sizes)


@operator("Squeeze")
def squeeze(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, axes = given(inputs, 0), integers(inputs, 1, attributes, "axes")
    if axes is None:
        raise UnsupportedForm("squeezing without axes, which would drop a batch of one")
    return x.squeeze(tuple(axes))


@operator("Unsqueeze")
def unsqueeze(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, axes = given(inputs, 0), integers(inputs, 1, attributes, "axes") or []
    rank = x.dim() + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


@operator("Transpose")
def transpose(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    return x.permute(*attributes.get("perm", reversed(range(x.dim()))))


@operator("Expand")
def expand(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    wanted = [int(size) for size in given(inputs, 1).tolist()]
    return x.expand(torch.broadcast_shapes(x.shape, wanted))


@operator("Tile")
def tile(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return given(inputs, 0).repeat([int(times) for times in given(inputs, 1).tolist()])


@operator("Concat")
def concat(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    parts = together(*(given(inputs, position) for position in range(len(inputs))))
    return torch.cat(parts, dim=int(attributes["axis"]))


@operator("Split")
def split(attributes: Attributes, inputs: Inputs) -> Outputs:
    """By sizes, or into equal parts of which the last may be smaller."""
    x, axis = given(inputs, 0), int(attributes.get("axis", 0))
    sizes = integers(inputs, 1, attributes, "split")
    if sizes is None:
        count, whole = int(attributes.get("num_outputs", len(attributes.outputs))), x.shape[axis]
        each = -(-whole // count)
        sizes = [min(each, max(0, whole - position * each)) for position in range(count)]
    return tuple(torch.split(x, sizes, dim=axis))


@operator("DepthToSpace")
def depth_to_space(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, block = given(inputs, 0), int(attributes["blocksize"])
    rows, channels, height, width = x.shape
    depth = channels // block**2
    if attributes.get("mode", "DCR") == "CRD":
        blocks = x.reshape(rows, depth, block, block, height, width).permute(0, 1, 4, 2, 5, 3)
    else:
        blocks = x.reshape(rows, block, block, depth, height, width).permute(0, 3, 4, 1, 5, 2)
    return blocks.reshape(rows, depth, height * block, width * block)


@operator("SpaceToDepth")
def space_to_depth(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, block = given(inputs, 0), int(attributes["blocksize"])
    rows, channels, height, width = x.shape
    blocks = x.reshape(rows, channels, height // block, block, width // block, block).permute(0, 3, 5, 1, 2, 4)
    return blocks.reshape(rows, channels * block**2, height // block, width // block)
