"""Comparisons, logic on truth values, and choices by them."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ratchet_runners.engine.operators.registry import Attributes, Inputs, both, given, operator, together


def _binary(name: str, function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
    @operator(name)
    def handler(attributes: Attributes, inputs: Inputs) -> torch.Tensor:  # pyright: ignore[reportUnusedFunction]
        return function(*both(inputs))


for _name, _function in {
    "And": torch.logical_and,
    "BitwiseAnd": torch.bitwise_and,
    "BitwiseOr": torch.bitwise_or,
    "BitwiseXor": torch.bitwise_xor,
    "Equal": torch.eq,
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "Or": torch.logical_or,
    "Xor": torch.logical_xor,
}.items():
    _binary(_name, _function)


@operator("Not")
def negation(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return torch.logical_not(given(inputs, 0))


@operator("BitwiseNot")
def bitwise_not(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return torch.bitwise_not(given(inputs, 0))


@operator("Where")
def where(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    condition, one, other = together(given(inputs, 0), given(inputs, 1), given(inputs, 2))
    return torch.where(condition, one, other)


@operator("IsNaN")
def is_nan(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return torch.isnan(given(inputs, 0))


@operator("IsInf")
def is_infinite(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    found = torch.zeros_like(x, dtype=torch.bool)
    if attributes.get("detect_negative", 1):
        found = found | torch.isneginf(x)
    return found | torch.isposinf(x) if attributes.get("detect_positive", 1) else found
