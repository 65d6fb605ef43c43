from __future__ import annotations

import math

import torch
from torch.nn import functional

from ratchet_runners.engine.operators.registry import (
    Attributes,
    Inputs,
    UnsupportedForm,
    given,
    integers,
    operator,
    optional,
)


@operator("Flatten")
def flatten(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, axis = given(inputs, 0), int(attributes.get("axis", 1))
    axis = axis + x.dim() if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), -1)


@operator("Reshape")
def reshape(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    sizes = [int(size) for size in given(inputs, 1).tolist()]
    if not attributes.get("allowzero", 0):
        sizes = [x.shape[position] if size == 0 else size for position, size in enumerate(sizes)]
    return x.reshape(sizes)


@operator("Transpose")
def transpose(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    return x.permute(*attributes.get("perm", reversed(range(x.dim()))))


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


@operator("Concat")
def concat(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return torch.cat([given(inputs, position) for position in range(len(inputs))], dim=int(attributes["axis"]))


@operator("ReduceMean")
def reduce_mean(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, axes = given(inputs, 0), integers(inputs, 1, attributes, "axes")
    keep = bool(attributes.get("keepdims", 1))
    if not axes:
        if attributes.get("noop_with_empty_axes", 0):
            return x
        axes = list(range(x.dim()))
    return x.mean(dim=axes, keepdim=keep)


@operator("Pad")
def pad(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, pads = given(inputs, 0), integers(inputs, 1, attributes, "pads")
    if pads is None or optional(inputs, 3) is not None:
        raise UnsupportedForm("padding along named axes")
    mode = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}.get(attributes.get("mode", "constant"))
    if mode is None:
        raise UnsupportedForm(f"padding of mode {attributes['mode']}")
    begin, end = pads[: x.dim()], pads[x.dim() :]
    sides = [side for pair in reversed(list(zip(begin, end, strict=True))) for side in pair]
    if mode != "constant":
        while sides and sides[-1] == 0 and sides[-2] == 0 and len(sides) > 2 * (x.dim() - 2):
            sides = sides[:-2]
        return functional.pad(x, sides, mode=mode)
    value = optional(inputs, 2)
    filler = float(attributes.get("value", 0.0)) if value is None else float(value)
    return functional.pad(x, sides, value=filler)
