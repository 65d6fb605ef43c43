from __future__ import annotations

import torch
from torch.nn import functional

from ratchet_runners.engine.operators.registry import Attributes, Inputs, given, operator, optional


@operator("Add")
def add(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return given(inputs, 0) + given(inputs, 1)


@operator("Sub")
def sub(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return given(inputs, 0) - given(inputs, 1)


@operator("Mul")
def mul(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return given(inputs, 0) * given(inputs, 1)


@operator("Div")
def div(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    one, other = given(inputs, 0), given(inputs, 1)
    if one.is_floating_point():
        return one / other
    return torch.div(one, other, rounding_mode="trunc")


@operator("Pow")
def power(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return torch.pow(given(inputs, 0), given(inputs, 1))


@operator("Relu")
def relu(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return functional.relu(given(inputs, 0))


@operator("LeakyRelu")
def leaky_relu(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return functional.leaky_relu(given(inputs, 0), float(attributes.get("alpha", 0.01)))


@operator("Sigmoid")
def sigmoid(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return torch.sigmoid(given(inputs, 0))


@operator("Tanh")
def tanh(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return torch.tanh(given(inputs, 0))


@operator("Erf")
def erf(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return torch.erf(given(inputs, 0))


@operator("Sqrt")
def sqrt(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return torch.sqrt(given(inputs, 0))


@operator("Softmax")
def softmax(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return functional.softmax(given(inputs, 0), dim=int(attributes.get("axis", -1)))


@operator("Clip")
def clip(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, low, high = given(inputs, 0), optional(inputs, 1), optional(inputs, 2)
    if low is not None:
        x = torch.maximum(x, low)
    return x if high is None else torch.minimum(x, high)


@operator("Identity", "Dropout")
def identity(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return given(inputs, 0)


@operator("LpNormalization")
def lp_normalization(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return functional.normalize(
        given(inputs, 0), p=float(attributes.get("p", 2)), dim=int(attributes.get("axis", -1)), eps=1e-20
    )
