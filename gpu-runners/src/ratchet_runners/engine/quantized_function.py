"""Fake quantization: rounding that a gradient passes through, towards what is rounded and towards the step size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

#: A bound of a grid: one number, or one a channel.
Bound = float | torch.Tensor


@dataclass(frozen=True)
class Compensation:
    """How the straight-through gradient is corrected for the error of rounding.

    The straight-through estimator takes the gradient at the rounded value u' = round(u) (in steps) as if it were the
    gradient at u. To first order the gradient at u is g(u') + h·(u - u') with the curvature h. With h = δ·|g| this is
    g·(1 + δ·sign(g)·(u - u')): element-wise gradient scaling (Lee, Kim, Ham: Network Quantization with Element-wise
    Gradient Scaling, CVPR 2021, equations 5 and 10). `fixed` takes δ = `strength`. `adaptive` takes that paper's
    δ = max(0, mean(h) / 3σ(g)) per tensor and step, with Fisher's mean(h) ≈ rows·mean(g²) (g is the gradient of a mean
    over `rows`) in place of Hutchinson's estimate, so that no second backward pass is needed; times `strength`, at
    most 1.
    """

    mode: str = "off"
    strength: float = 0.0
    #: Rows that the loss is a mean over.
    rows: int = 1


@dataclass(frozen=True)
class Grid:
    """Integers that a value may become, minus the zero point: `low` to `high`, and how gradients are shaped."""

    low: Bound
    high: Bound
    #: Factor of the step size's gradient: 1 / sqrt(N·Qp) by Esser et al.
    step_gradient: float = 1.0
    compensation: Compensation = Compensation()

    def finer(self, bits: int) -> Grid:
        """The same range in 2^bits times as many steps; the step size is to be divided likewise."""
        factor = 2**bits
        return replace(self, low=self.low * factor, high=self.high * factor + (factor - 1)) if bits else self


def to_integers(x: torch.Tensor, scale: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Whole numbers without the zero point, as ONNX's QuantizeLinear finds them: x / scale, half to even, saturated."""
    return _clamp(torch.round(x / scale), grid)


def fake_quantize(x: torch.Tensor, scale: torch.Tensor, grid: Grid) -> torch.Tensor:
    """`x` on the grid of step `scale` (which broadcasts to `x`).

    Gradients by Learned Step Size Quantization (Esser et al., ICLR 2020): for u = x / scale, towards x 1 where
    low < u < high and 0 elsewhere (corrected by `grid.compensation`); towards the scale round(u) - u inside, low or
    high outside, times `grid.step_gradient`.
    """
    return _FakeQuantize.apply(x, scale, grid)  # pyright: ignore[reportReturnType]


class _FakeQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, scale: torch.Tensor, grid: Grid) -> torch.Tensor:
        units = x / scale
        ctx.save_for_backward(units, scale)
        ctx.grid = grid
        return _clamp(torch.round(units), grid).mul_(scale)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        (gradient,) = gradients
        units, scale = ctx.saved_tensors
        grid: Grid = ctx.grid
        inside = (units > grid.low) & (units < grid.high)
        error = _clamp(torch.round(units), grid)
        towards_scale = None
        if ctx.needs_input_grad[1]:
            slope = torch.where(inside, error - units, error).mul_(gradient)
            towards_scale = slope.sum_to_size(scale.shape) * grid.step_gradient
        towards_x = None
        if ctx.needs_input_grad[0]:
            towards_x = gradient * inside
            strength = _strength(grid.compensation, gradient, scale)
            if strength:
                towards_x = towards_x + strength * towards_x.abs() * (units - error)
        return towards_x, towards_scale, None


def _strength(compensation: Compensation, gradient: torch.Tensor, scale: torch.Tensor) -> float:
    if compensation.mode == "off":
        return 0.0
    if compensation.mode == "fixed":
        return compensation.strength
    # In steps the gradient is g·scale; rows·mean(g²) / 3σ(g) is rows·σ(g)/3 for a gradient of mean zero.
    spread = float((gradient * scale).square().mean().sqrt())
    return min(1.0, compensation.strength * compensation.rows * spread / 3)


def _clamp(whole: torch.Tensor, grid: Grid) -> torch.Tensor:
    return torch.clamp(whole, grid.low, grid.high)  # pyright: ignore[reportCallIssue, reportArgumentType]
