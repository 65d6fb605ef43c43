"""Arithmetic, rounding and elementary functions, with integer semantics where integers come in."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import torch

from ratchet_runners.engine.operators.registry import (
    Attributes,
    Inputs,
    UnsupportedForm,
    both,
    given,
    operator,
    optional,
    together,
)


@operator("Add")
def add(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    one, other = both(inputs)
    return one + other


@operator("Sub")
def sub(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    one, other = both(inputs)
    return one - other


@operator("Mul")
def mul(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    one, other = both(inputs)
    return one * other


@operator("Div")
def div(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    one, other = both(inputs)
    if one.is_floating_point():
        return one / other
    return torch.div(one, other, rounding_mode="trunc")


@operator("Mod")
def mod(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    """The sign of the divisor; with `fmod` that of the dividend."""
    one, other = both(inputs)
    return torch.fmod(one, other) if attributes.get("fmod", 0) else torch.remainder(one, other)


@operator("Pow")
def power(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    """The result has the base's type."""
    base, exponent = both(inputs)
    if not base.is_floating_point():
        return torch.pow(base.double(), exponent.double()).to(base.dtype)
    if exponent.numel() == 1 and exponent.dim() <= base.dim() and not exponent.requires_grad:
        return torch.pow(base, float(exponent))
    return torch.pow(base, exponent.to(base.dtype))


@operator("BitShift")
def bit_shift(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    """Only types that torch can shift: it has no arithmetic on wider unsigned integers."""
    one, other = both(inputs)
    if one.dtype != torch.uint8:
        raise UnsupportedForm(f"shifting bits of {one.dtype}")
    wide, by = one.to(torch.int64), other.to(torch.int64)
    return (wide << by if attributes["direction"] == "LEFT" else wide >> by).to(torch.uint8)


def _variadic(inputs: Inputs, function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> torch.Tensor:
    return reduce(function, together(*(given(inputs, position) for position in range(len(inputs)))))


@operator("Min")
def minimum(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return _variadic(inputs, torch.minimum)


@operator("Max")
def maximum(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return _variadic(inputs, torch.maximum)


@operator("Sum")
def total(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return _variadic(inputs, torch.add)


@operator("Mean")
def mean(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return _variadic(inputs, torch.add) / len(inputs)


@operator("Clip")
def clip(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    """Where the limits cross, the upper one holds."""
    x, low, high = given(inputs, 0), optional(inputs, 1), optional(inputs, 2)
    if low is not None:
        x = torch.maximum(*together(x, low))
    return x if high is None else torch.minimum(*together(x, high))


@operator("CumSum")
def cumulative_sum(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, axis = given(inputs, 0), int(given(inputs, 1))
    backwards = bool(attributes.get("reverse", 0))
    x = x.flip(axis) if backwards else x
    sums = torch.cumsum(x, dim=axis, dtype=x.dtype)
    if attributes.get("exclusive", 0):
        sums = sums - x
    return sums.flip(axis) if backwards else sums


@operator("Det")
def determinant(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return torch.linalg.det(given(inputs, 0))


def _unary(name: str, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    @operator(name)
    def handler(attributes: Attributes, inputs: Inputs) -> torch.Tensor:  # pyright: ignore[reportUnusedFunction]
        return function(given(inputs, 0))


#: `round` goes to the even neighbour in ONNX and torch alike.
for _name, _function in {
    "Abs": torch.abs,
    "Acos": torch.acos,
    "Acosh": torch.acosh,
    "Asin": torch.asin,
    "Asinh": torch.asinh,
    "Atan": torch.atan,
    "Atanh": torch.atanh,
    "Ceil": torch.ceil,
    "Cos": torch.cos,
    "Cosh": torch.cosh,
    "Exp": torch.exp,
    "Floor": torch.floor,
    "Log": torch.log,
    "Neg": torch.neg,
    "Reciprocal": torch.reciprocal,
    "Round": torch.round,
    "Sign": torch.sign,
    "Sin": torch.sin,
    "Sinh": torch.sinh,
    "Sqrt": torch.sqrt,
    "Tan": torch.tan,
}.items():
    _unary(_name, _function)
