"""Picking and placing: slices, gathers, scatters."""

from __future__ import annotations

import torch
from torch.nn import functional

from ratchet_runners.engine.operators.registry import (
    Attributes,
    Inputs,
    UnsupportedForm,
    both,
    given,
    integers,
    operator,
    optional,
    together,
)


@operator("Slice")
def slices(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    """Negative places count from the end; what lies outside is cut off."""
    x = given(inputs, 0)
    starts, ends = integers(inputs, 1, attributes, "starts"), integers(inputs, 2, attributes, "ends")
    if starts is None or ends is None:
        raise UnsupportedForm("no starts or ends")
    axes = integers(inputs, 3, attributes, "axes")
    steps = integers(inputs, 4, attributes, "steps") or [1] * len(starts)
    for axis, start, end, step in zip(axes or range(len(starts)), starts, ends, steps, strict=True):
        places = range(*slice(start, _end(end, step, x.shape[axis]), step).indices(x.shape[axis]))
        if step == 1:
            x = x.narrow(axis, places.start, len(places))
        else:
            x = x.index_select(axis, torch.tensor(list(places), dtype=torch.int64, device=x.device))
    return x


def _end(end: int, step: int, size: int) -> int | None:
    """Going backwards, an end before the first place means: the first place too."""
    return None if step < 0 and end < -size else end


def _wrapped(indices: torch.Tensor, size: int) -> torch.Tensor:
    indices = indices.to(torch.int64)
    return torch.where(indices < 0, indices + size, indices)


@operator("Gather")
def gather(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, indices = both(inputs)
    axis = int(attributes.get("axis", 0)) % x.dim()
    indices = _wrapped(indices, x.shape[axis])
    if axis == 0 and x.dim() == 2:
        return functional.embedding(indices, x)
    picked = x.index_select(axis, indices.reshape(-1))
    return picked.reshape([*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]])


@operator("GatherElements")
def gather_elements(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, indices = both(inputs)
    axis = int(attributes.get("axis", 0))
    return torch.gather(x, axis, _wrapped(indices, x.shape[axis]))


def _flat_places(indices: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    """Numbers of elements (or blocks) that the last dimension of `indices` names, counted row by row."""
    places = torch.zeros(indices.shape[:-1], dtype=torch.int64, device=indices.device)
    for position, size in enumerate(sizes):
        places = places * size + _wrapped(indices[..., position], size)
    return places


@operator("GatherND")
def gather_nd(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, indices = both(inputs)
    shared = int(attributes.get("batch_dims", 0))
    depth = indices.shape[-1]
    batch = list(x.shape[:shared])
    named, rest = list(x.shape[shared : shared + depth]), list(x.shape[shared + depth :])
    places = _flat_places(indices, named)
    blocks = x.reshape(*batch, -1, *rest)
    if not shared:
        return blocks.index_select(0, places.reshape(-1)).reshape(*places.shape, *rest)
    count = torch.Size(batch).numel()
    blocks = blocks.reshape(count, -1, *rest)
    places = places.reshape(count, -1)
    rows = torch.arange(count, device=places.device)[:, None]
    return blocks[rows, places].reshape(*indices.shape[:-1], *rest)


REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


@operator("ScatterElements")
def scatter_elements(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, indices, updates = together(given(inputs, 0), given(inputs, 1), given(inputs, 2))
    axis = int(attributes.get("axis", 0))
    indices = _wrapped(indices, x.shape[axis])
    reduction = attributes.get("reduction", "none")
    if reduction == "none":
        return x.scatter(axis, indices, updates)
    return x.scatter_reduce(axis, indices, updates, REDUCTIONS[reduction])


@operator("ScatterND")
def scatter_nd(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, indices, updates = together(given(inputs, 0), given(inputs, 1), given(inputs, 2))
    depth = indices.shape[-1]
    rest = list(x.shape[depth:])
    places = _flat_places(indices, list(x.shape[:depth])).reshape(-1)
    blocks = x.reshape(-1, torch.Size(rest).numel())
    news = updates.reshape(-1, blocks.shape[1])
    reduction = attributes.get("reduction", "none")
    if reduction == "none":
        return blocks.index_copy(0, places, news).reshape(x.shape)
    spread = places[:, None].expand_as(news)
    return blocks.scatter_reduce(0, spread, news, REDUCTIONS[reduction]).reshape(x.shape)


@operator("Compress")
def compress(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, kept = both(inputs)
    axis = attributes.get("axis")
    x = x.reshape(-1) if axis is None else x
    return x.index_select(0 if axis is None else int(axis), torch.nonzero(kept).reshape(-1))


@operator("NonZero")
def non_zero(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return torch.nonzero(given(inputs, 0)).t()


@operator("ReverseSequence")
def reverse_sequence(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, lengths = both(inputs)
    time, batch = int(attributes.get("time_axis", 0)), int(attributes.get("batch_axis", 1))
    places = reversed_places(x.shape[time], lengths.to(torch.int64))
    places = places if time < batch else places.t()
    sizes = [1] * x.dim()
    sizes[time], sizes[batch] = x.shape[time], x.shape[batch]
    return torch.gather(x, time, places.reshape(sizes).expand(x.shape))


def reversed_places(steps: int, lengths: torch.Tensor) -> torch.Tensor:
    """[time, batch]: where each step of a sequence lies when the first `lengths` steps are turned round."""
    time = torch.arange(steps, device=lengths.device)[:, None]
    return torch.where(time < lengths[None, :], lengths[None, :] - 1 - time, time)


def lengths_of(inputs: Inputs, position: int, device: torch.device) -> torch.Tensor | None:
    """Sequence lengths as integers on the data's device; None where all sequences are whole."""
    lengths = optional(inputs, position)
    return None if lengths is None else lengths.to(device=device, dtype=torch.int64)
