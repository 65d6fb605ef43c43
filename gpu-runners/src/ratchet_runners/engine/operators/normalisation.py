"""Normalisations over channels, groups and features."""

from __future__ import annotations

import torch
from torch.nn import functional

from ratchet_runners.engine.operators.registry import (
    Attributes,
    Inputs,
    Outputs,
    UnsupportedForm,
    given,
    only_output,
    operator,
    optional,
)


@operator("BatchNormalization")
def batch_normalization(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    if attributes.get("training_mode", 0):
        raise UnsupportedForm("batch normalization in training mode")
    only_output(attributes)
    x, scale, bias, mean, variance = (given(inputs, position) for position in range(5))
    return functional.batch_norm(x, mean, variance, scale, bias, False, 0.0, float(attributes.get("epsilon", 1e-5)))


def _standardised(x: torch.Tensor, axes: list[int], epsilon: float) -> torch.Tensor:
    variance, mean = torch.var_mean(x, dim=axes, correction=0, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + epsilon)


def _per_channel(values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return values.reshape(1, -1, *[1] * (x.dim() - 2))


@operator("InstanceNormalization")
def instance_normalization(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, scale, bias = given(inputs, 0), given(inputs, 1), given(inputs, 2)
    plain = _standardised(x, list(range(2, x.dim())), float(attributes.get("epsilon", 1e-5)))
    return plain * _per_channel(scale, x) + _per_channel(bias, x)


@operator("LayerNormalization")
def layer_normalization(attributes: Attributes, inputs: Inputs) -> Outputs:
    """Output, mean, and one divided by the standard deviation."""
    x, scale, bias = given(inputs, 0), given(inputs, 1), optional(inputs, 2)
    first = int(attributes.get("axis", -1)) % x.dim()
    epsilon = float(attributes.get("epsilon", 1e-5))
    sides = list(x.shape[first:])
    if list(scale.shape) == sides and (bias is None or list(bias.shape) == sides):
        answer = functional.layer_norm(x, sides, scale, bias, epsilon)
    else:
        answer = _standardised(x, list(range(first, x.dim())), epsilon) * scale
        answer = answer if bias is None else answer + bias
    if not (attributes.wants(1) or attributes.wants(2)):
        return answer
    variance, mean = torch.var_mean(x, dim=list(range(first, x.dim())), correction=0, keepdim=True)
    return answer, mean, torch.rsqrt(variance + epsilon)


@operator("RMSNormalization", "SimplifiedLayerNormalization")
def rms_normalization(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    """Zhang and Sennrich, Root Mean Square Layer Normalization, 2019."""
    only_output(attributes)
    x, scale = given(inputs, 0), given(inputs, 1)
    axes = list(range(int(attributes.get("axis", -1)) % x.dim(), x.dim()))
    square = x.square().mean(dim=axes, keepdim=True)
    return x * torch.rsqrt(square + float(attributes.get("epsilon", 1e-5))) * scale


@operator("GroupNormalization")
def group_normalization(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    """Scale and bias go by groups before operator set 21, by channels from then on."""
    x, scale, bias = given(inputs, 0), given(inputs, 1), given(inputs, 2)
    groups = int(attributes["num_groups"])
    if attributes.opset < 21:
        width = x.shape[1] // groups
        scale, bias = scale.repeat_interleave(width), bias.repeat_interleave(width)
    return functional.group_norm(x, groups, scale, bias, float(attributes.get("epsilon", 1e-5)))


@operator("LRN")
def local_response_normalization(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    size = int(attributes["size"])
    if size % 2 == 0:
        raise UnsupportedForm("local response normalization over an even number of channels")
    return functional.local_response_norm(
        given(inputs, 0),
        size,
        float(attributes.get("alpha", 1e-4)),
        float(attributes.get("beta", 0.75)),
        float(attributes.get("bias", 1.0)),
    )


@operator("LpNormalization")
def lp_normalization(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return functional.normalize(
        given(inputs, 0), p=float(attributes.get("p", 2)), dim=int(attributes.get("axis", -1)), eps=1e-20
    )


@operator("MeanVarianceNormalization")
def mean_variance_normalization(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    axes = [int(axis) % x.dim() for axis in attributes.get("axes", (0, 2, 3))]
    return _standardised(x, axes, 1e-9)
