"""The table of operators. A handler takes the node's attributes and its inputs (None where one is left out)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import torch


class Attributes(Mapping[str, Any]):
    """A node's attributes, and what else its meaning depends on."""

    def __init__(self, values: Mapping[str, Any], opset: int, outputs: Sequence[str]) -> None:
        self._values = dict(values)
        #: Version of the node's operator set: `Softmax` before 13 means something else.
        self.opset = opset
        #: Names of the outputs; empty where one is left out.
        self.outputs = tuple(outputs)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def wants(self, position: int) -> bool:
        """Whether the output at a position has a name."""
        return position < len(self.outputs) and bool(self.outputs[position])


Inputs = Sequence["torch.Tensor | None"]
#: One tensor, or as many as the node has outputs.
Outputs = torch.Tensor | tuple[torch.Tensor, ...]
Operator = Callable[[Attributes, Inputs], Outputs]
_Operator = TypeVar("_Operator", bound=Operator)

#: Handlers by operator name; of other domains by `domain::Name`, e.g. `com.microsoft::Gelu`.
OPERATORS: dict[str, Operator] = {}


class UnsupportedForm(Exception):
    """The operator is known, this use of it is not."""


def operator(*names: str) -> Callable[[_Operator], _Operator]:
    """Registers a handler for ONNX operators; those of another domain as `domain::Name`."""

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
    """The input at a position, None where it is left out."""
    return inputs[position] if position < len(inputs) else None


def together(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The tensors on one device: shapes and integer constants live on the CPU until they meet data."""
    home = next((tensor.device for tensor in tensors if tensor.device.type != "cpu"), None)
    return tensors if home is None else tuple(tensor.to(home) for tensor in tensors)


def both(inputs: Inputs) -> tuple[torch.Tensor, torch.Tensor]:
    """The two inputs of a binary operator, on one device."""
    one, other = together(given(inputs, 0), given(inputs, 1))
    return one, other


def integers(inputs: Inputs, position: int, attributes: Attributes, name: str) -> list[int] | None:
    """A list that newer operator sets take as an input and older ones as an attribute."""
    value = optional(inputs, position)
    if value is not None:
        return [int(number) for number in value.reshape(-1).tolist()]
    listed = attributes.get(name)
    return None if listed is None else [int(number) for number in listed]


def only_output(attributes: Attributes, count: int = 1) -> None:
    """Refuses nodes that want more outputs than the handler makes."""
    for position in range(count, len(attributes.outputs)):
        if attributes.wants(position):
            raise UnsupportedForm(f"output {position} is wanted")
