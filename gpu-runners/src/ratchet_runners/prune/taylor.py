"""Importance by what the loss would lose: first derivatives of the distillation loss, without labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from ratchet_runners.data.rows import Floats, Inputs
from ratchet_runners.documents.job import Classification, ModelContract
from ratchet_runners.engine.module import GraphModule
from ratchet_runners.prune.groups import Group, Structure
from ratchet_runners.prune.importance import Score, magnitude, per_unit

#: Rows whose derivatives are summed before they are squared.
SAMPLE = 8


def taylor(
    structure: Structure,
    rows: Inputs,
    taught: Floats,
    contract: ModelContract,
    seed: int,
    tell: Callable[[float], None] | None = None,
) -> Score:
    """Mean square of what removing a unit would change of the loss, to first order: (Σ w·∂L/∂w)² over its weights.

    Molchanov et al., "Importance Estimation for Neural Network Pruning" (CVPR 2019). The derivative of the distillation
    loss vanishes where student and teacher are one model. So answers are drawn from the teacher's soft ones, as for
    Fisher information (Theis et al., "Faster Gaze Prediction With Dense Networks and Fisher Pruning", 2018), which
    is that loss's second derivative there. Regressions draw a normal error instead.

    @throws ModelUnusable when the graph engine does not know all operators
    """
    module = GraphModule(structure.model, contract.input.name, contract.output.name)
    generator = np.random.default_rng(seed)
    found = {group.name: np.zeros(group.size, dtype=np.float64) for group in structure.free}
    roles = {group.name: _roles(group) for group in structure.free}
    known = set(module.weight_names)
    needed = sorted({part.constant for group in structure.free for part in group.slices} & known)
    weights = [module.weight(name) for name in needed]
    for start in range(0, len(rows), SAMPLE):
        outputs = module(torch.from_numpy(rows[start : start + SAMPLE])).reshape(len(rows[start : start + SAMPLE]), -1)
        loss = _drawn(outputs, taught[start : start + SAMPLE].reshape(len(outputs), -1), contract, generator)
        gradients = torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)
        fields: dict[str, npt.NDArray[np.float32]] = {
            name: (weight.detach() * gradient).numpy()
            for name, weight, gradient in zip(needed, weights, gradients, strict=True)
        }
        for group in structure.free:
            found[group.name] += per_unit(group, fields, roles[group.name]) ** 2
        if tell:
            tell(min(1.0, (start + SAMPLE) / len(rows)))
    fallback = magnitude(structure)
    return {name: value if value.any() else fallback[name] for name, value in found.items()}


def _drawn(
    outputs: torch.Tensor, taught: Floats, contract: ModelContract, generator: np.random.Generator
) -> torch.Tensor:
    """The loss of answers that are drawn as the teacher would give them."""
    if not isinstance(contract.task, Classification):
        drawn = taught + generator.standard_normal(taught.shape)
        return 0.5 * ((outputs - torch.from_numpy(drawn.astype(np.float32))) ** 2).sum()
    shifted = taught.astype(np.float64) - taught.max(axis=1, keepdims=True)
    chances = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    draws = (chances.cumsum(axis=1) < generator.random((len(taught), 1))).sum(axis=1)
    classes = torch.from_numpy(np.minimum(draws, taught.shape[1] - 1).astype(np.int64))
    return functional.cross_entropy(outputs, classes, reduction="sum")


def _roles(group: Group) -> tuple[str, ...]:
    """Where layers sum over a unit the derivative is that of switching it off; else that of making it."""
    return ("sums",) if any(part.role == "sums" for part in group.slices) else ("makes",)
