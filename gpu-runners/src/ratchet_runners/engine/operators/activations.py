"""Functions of single numbers that stand between layers, and softmax with its relatives."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn import functional

from ratchet_runners.engine.operators.registry import Attributes, Inputs, UnsupportedForm, both, given, operator


@operator("Relu")
def relu(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return functional.relu(given(inputs, 0))


@operator("LeakyRelu")
def leaky_relu(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return functional.leaky_relu(given(inputs, 0), float(attributes.get("alpha", 0.01)))


@operator("PRelu")
def parametric_relu(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, slope = both(inputs)
    return torch.where(x > 0, x, slope * x)


@operator("ThresholdedRelu")
def thresholded_relu(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    return torch.where(x > float(attributes.get("alpha", 1.0)), x, torch.zeros_like(x))


@operator("Elu")
def elu(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return functional.elu(given(inputs, 0), float(attributes.get("alpha", 1.0)))


@operator("Selu")
def selu(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    alpha = float(attributes.get("alpha", 1.6732631921768188))
    return float(attributes.get("gamma", 1.0507010221481323)) * functional.elu(x, alpha)


@operator("Celu")
def celu(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return functional.celu(given(inputs, 0), float(attributes.get("alpha", 1.0)))


@operator("Gelu", "com.microsoft::Gelu")
def gelu(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return functional.gelu(given(inputs, 0), approximate=attributes.get("approximate", "none"))


@operator("Mish")
def mish(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return functional.mish(given(inputs, 0))


@operator("Sigmoid")
def sigmoid(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return torch.sigmoid(given(inputs, 0))


@operator("HardSigmoid")
def hard_sigmoid(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return (float(attributes.get("alpha", 0.2)) * given(inputs, 0) + float(attributes.get("beta", 0.5))).clamp(0, 1)


@operator("HardSwish")
def hard_swish(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    return x * (x / 6 + 0.5).clamp(0, 1)


@operator("Softplus")
def softplus(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return functional.softplus(given(inputs, 0))


@operator("Softsign")
def softsign(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return functional.softsign(given(inputs, 0))


@operator("Shrink")
def shrink(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    edge, bias = float(attributes.get("lambd", 0.5)), float(attributes.get("bias", 0.0))
    shrunk = torch.where(x < -edge, x + bias, torch.where(x > edge, x - bias, torch.zeros_like(x)))
    return shrunk.to(x.dtype)


@operator("Tanh")
def tanh(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return torch.tanh(given(inputs, 0))


@operator("Erf")
def erf(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return torch.erf(given(inputs, 0))


def _along(
    attributes: Attributes, x: torch.Tensor, function: Callable[[torch.Tensor, int], torch.Tensor]
) -> torch.Tensor:
    """Before operator set 13 all dimensions from `axis` on count as one."""
    if attributes.opset >= 13:
        return function(x, int(attributes.get("axis", -1)))
    axis = int(attributes.get("axis", 1))
    axis = axis + x.dim() if axis < 0 else axis
    return function(x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:])), 1).reshape(x.shape)


@operator("Softmax")
def softmax(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return _along(attributes, given(inputs, 0), lambda x, axis: torch.softmax(x, dim=axis))


@operator("LogSoftmax")
def log_softmax(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return _along(attributes, given(inputs, 0), lambda x, axis: torch.log_softmax(x, dim=axis))


@operator("Hardmax")
def hardmax(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    def first_largest(x: torch.Tensor, axis: int) -> torch.Tensor:
        return torch.zeros_like(x).scatter(axis, x.argmax(dim=axis, keepdim=True), 1)

    return _along(attributes, given(inputs, 0), first_largest)


def named_activation(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """An activation that other operators name in an attribute. @throws UnsupportedForm"""
    known: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "relu": functional.relu,
        "sigmoid": torch.sigmoid,
        "softsign": functional.softsign,
        "softplus": functional.softplus,
        "tanh": torch.tanh,
    }
    if name.lower() not in known:
        raise UnsupportedForm(f"activation {name}")
    return known[name.lower()]
