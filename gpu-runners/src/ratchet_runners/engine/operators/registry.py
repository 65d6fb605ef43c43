"""The table of operators. A handler takes the node's attributes and its inputs (None where one is left out)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch

Attributes = Mapping[str, Any]
Inputs = Sequence["torch.Tensor | None"]
Operator = Callable[[Attributes, Inputs], torch.Tensor]
_Operator = TypeVar("_Operator", bound=Operator)

OPERATORS: dict[str, Operator] = {}


class UnsupportedForm(Exception):
    """The operator is known, this use of it is not."""


def operator(*names: str) -> Callable[[_Operator], _Operator]:
    """Registers a handler for ONNX operators of the default domain."""

    def register(handler: _Operator) -> _Operator:
        for name in names:
            OPERATORS[name] = handler
        return handler

    return register


def given(inputs: Inputs, position: int) -> torch.Tensor:
    """The input at a position, which the operator cannot do without."""
    value = inputs[position] if position < len(inputs) else None
    if value is None:
        raise UnsupportedForm(f"input {position} is missing")
    return value


def optional(inputs: Inputs, position: int) -> torch.Tensor | None:
    return inputs[position] if position < len(inputs) else None


def integers(inputs: Inputs, position: int, attributes: Attributes, name: str) -> list[int] | None:
    """A list that newer operator sets take as an input and older ones as an attribute."""
    value = optional(inputs, position)
    if value is not None:
        return [int(number) for number in value.reshape(-1).tolist()]
    listed = attributes.get(name)
    return None if listed is None else [int(number) for number in listed]
