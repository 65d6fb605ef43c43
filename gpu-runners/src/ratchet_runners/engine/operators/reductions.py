"""Reductions over axes, and the places and values of extremes."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ratchet_runners.engine.operators.registry import Attributes, Inputs, Outputs, given, integers, operator

Reduction = Callable[[torch.Tensor, list[int], bool], torch.Tensor]


def _reduced(attributes: Attributes, inputs: Inputs, reduction: Reduction) -> torch.Tensor:
    """No axes mean all of them; with `noop_with_empty_axes` each number is reduced by itself."""
    x, axes = given(inputs, 0), integers(inputs, 1, attributes, "axes")
    if not axes:
        if attributes.get("noop_with_empty_axes", 0):
            return reduction(x.unsqueeze(0), [0], False)
        axes = list(range(x.dim()))
    if not axes:
        return reduction(x.reshape(1), [0], False)
    return reduction(x, [axis % x.dim() for axis in axes], bool(attributes.get("keepdims", 1)))


def _mean(x: torch.Tensor, axes: list[int], keep: bool) -> torch.Tensor:
    if x.is_floating_point():
        return x.mean(dim=axes, keepdim=keep)
    count = 1
    for axis in axes:
        count *= x.shape[axis]
    return torch.div(x.sum(dim=axes, keepdim=keep, dtype=x.dtype), count, rounding_mode="trunc")


def _product(x: torch.Tensor, axes: list[int], keep: bool) -> torch.Tensor:
    for axis in axes:
        x = x.prod(dim=axis, keepdim=True, dtype=x.dtype)
    return x if keep else x.squeeze(axes)


def _largest(x: torch.Tensor, axes: list[int], keep: bool) -> torch.Tensor:
    return x.amax(dim=axes, keepdim=keep)


def _smallest(x: torch.Tensor, axes: list[int], keep: bool) -> torch.Tensor:
    return x.amin(dim=axes, keepdim=keep)


def _sum(x: torch.Tensor, axes: list[int], keep: bool) -> torch.Tensor:
    return x.sum(dim=axes, keepdim=keep, dtype=x.dtype)


def _sum_of_sizes(x: torch.Tensor, axes: list[int], keep: bool) -> torch.Tensor:
    return _sum(x.abs(), axes, keep)


def _sum_of_squares(x: torch.Tensor, axes: list[int], keep: bool) -> torch.Tensor:
    return _sum(x * x, axes, keep)


def _euclidean(x: torch.Tensor, axes: list[int], keep: bool) -> torch.Tensor:
    """Its gradient is zero at zero, where that of a root of a sum is not finite."""
    if not x.is_floating_point():
        return _sum(x * x, axes, keep).double().sqrt().to(x.dtype)
    return torch.linalg.vector_norm(x, dim=axes, keepdim=keep)


def _log_sum(x: torch.Tensor, axes: list[int], keep: bool) -> torch.Tensor:
    summed = _sum(x, axes, keep)
    return summed.log() if x.is_floating_point() else summed.double().log().to(x.dtype)


def _log_sum_exp(x: torch.Tensor, axes: list[int], keep: bool) -> torch.Tensor:
    if x.is_floating_point():
        return x.logsumexp(dim=axes, keepdim=keep)
    return x.double().logsumexp(dim=axes, keepdim=keep).to(x.dtype)


def _register(name: str, reduction: Reduction) -> None:
    @operator(name)
    def handler(attributes: Attributes, inputs: Inputs) -> torch.Tensor:  # pyright: ignore[reportUnusedFunction]
        return _reduced(attributes, inputs, reduction)


for _name, _reduction in {
    "ReduceL1": _sum_of_sizes,
    "ReduceL2": _euclidean,
    "ReduceLogSum": _log_sum,
    "ReduceLogSumExp": _log_sum_exp,
    "ReduceMax": _largest,
    "ReduceMean": _mean,
    "ReduceMin": _smallest,
    "ReduceProd": _product,
    "ReduceSum": _sum,
    "ReduceSumSquare": _sum_of_squares,
}.items():
    _register(_name, _reduction)


def _place(attributes: Attributes, inputs: Inputs, smallest: bool) -> torch.Tensor:
    x, axis = given(inputs, 0), int(attributes.get("axis", 0))
    keep = bool(attributes.get("keepdims", 1))
    find = torch.argmin if smallest else torch.argmax
    if attributes.get("select_last_index", 0):
        return x.shape[axis] - 1 - find(x.flip(axis), dim=axis, keepdim=keep)
    return find(x, dim=axis, keepdim=keep)


@operator("ArgMax")
def argmax(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return _place(attributes, inputs, smallest=False)


@operator("ArgMin")
def argmin(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return _place(attributes, inputs, smallest=True)


@operator("TopK")
def top_k(attributes: Attributes, inputs: Inputs) -> Outputs:
    """Of equal numbers the earlier one comes first."""
    x, count = given(inputs, 0), int(given(inputs, 1))
    axis = int(attributes.get("axis", -1))
    values, places = torch.sort(x, dim=axis, descending=bool(attributes.get("largest", 1)), stable=True)
    return values.narrow(axis, 0, count), places.narrow(axis, 0, count)
