"""Calls a builder and gives its module weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ratchet_runners.builder.allowed import require_allowed
from ratchet_runners.documents.job import Builder
from ratchet_runners.faults import MissingExtra, ModelUnusable


@dataclass(frozen=True)
class Sliced:
    #: Tensors that were taken as they are, cut, or left as the builder made them.
    whole: int
    cut: int
    anew: int


def build(builder: Builder, overrides: Mapping[str, Any], seed: int) -> nn.Module:
    """The module as its builder makes it, with weights that depend on the seed only.

    @throws ModelUnusable where the builder is not allowed, is not there, fails, or gives something else
    """
    require_allowed(builder.entry)
    module_name, _, function = builder.entry.partition(":")
    try:
        make = getattr(import_module(module_name), function)
    except (ImportError, AttributeError) as error:
        raise ModelUnusable(f"The builder {builder.entry} cannot be imported", [str(error)]) from error
    torch.manual_seed(seed)
    arguments = {**builder.arguments, **overrides}
    try:
        made: object = make(**arguments)
    except Exception as error:  # somebody else's code
        raise ModelUnusable(
            f"The builder {builder.entry} fails with the arguments {arguments}", [f"{type(error).__name__}: {error}"]
        ) from error
    if not isinstance(made, nn.Module):
        raise ModelUnusable(f"The builder {builder.entry} gives a {type(made).__name__}, not a torch module")
    return made.to(torch.float32)


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """@throws MissingExtra without safetensors; ModelUnusable where the file is none"""
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load
    except ModuleNotFoundError as error:
        raise MissingExtra("Builders need safetensors: install the package with its extra [builder]") from error
    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise ModelUnusable("The builder's weights cannot be read", [str(error)]) from error


def give_weights(module: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """All of them, each of the right shape, and none left over. @throws ModelUnusable with every difference"""
    own = module.state_dict()
    faults = [f"{name} is missing" for name in own if name not in weights]
    faults += [f"{name} is unknown to the module" for name in weights if name not in own]
    faults += [
        f"{name} has shape {list(weights[name].shape)}, the module's has {list(value.shape)}"
        for name, value in own.items()
        if name in weights and weights[name].shape != value.shape
    ]
    if faults:
        raise ModelUnusable("The builder's weights do not fit its module", faults)
    module.load_state_dict(dict(weights))


def give_slices(module: nn.Module, weights: Mapping[str, torch.Tensor]) -> Sliced:
    """The leading part of every weight that is as large or larger in all dimensions; the others stay as they are."""
    whole = cut = anew = 0
    for name, value in module.state_dict().items():
        given = weights.get(name)
        if (
            given is None
            or given.dim() != value.dim()
            or any(a < b for a, b in zip(given.shape, value.shape, strict=True))
        ):
            anew += 1
            continue
        whole += given.shape == value.shape
        cut += given.shape != value.shape
        with torch.no_grad():
            value.copy_(given[tuple(slice(0, size) for size in value.shape)])
    return Sliced(whole, cut, anew)
