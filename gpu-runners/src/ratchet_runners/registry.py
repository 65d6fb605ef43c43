"""Techniques register themselves: a configuration class, a handler, and the decorator that ties them together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import onnx

    from ratchet_runners.documents.base import Document
    from ratchet_runners.workbench import Workbench


@dataclass(frozen=True)
class StepResult:
    """A model and what is to be told about how it was made."""

    model: onnx.ModelProto
    figures: dict[str, float | None] = field(default_factory=dict[str, float | None])
    notes: tuple[str, ...] = ()
    #: Why the model should not become a candidate; empty when it may.
    refusals: tuple[str, ...] = ()


Handler = Callable[[Any, "onnx.ModelProto", "Workbench"], StepResult]
_Handler = TypeVar("_Handler", bound=Handler)

_HANDLERS: dict[type[Document], tuple[str, Handler]] = {}


def technique(name: str, config: type[Document]) -> Callable[[_Handler], _Handler]:
    """Registers a pure function (configuration and model in, model and figures out) as the technique `name`."""

    def register(handler: _Handler) -> _Handler:
        _HANDLERS[config] = (name, handler)
        return handler

    return register


def technique_of(config: Document) -> tuple[str, Handler]:
    """Name and handler for a configuration; imports the handler (and what it needs) only now."""
    kind = type(config)
    if kind not in _HANDLERS:
        import_module(kind.__module__.removesuffix(".config") + ".run")
    return _HANDLERS[kind]
