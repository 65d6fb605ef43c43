"""Operators of `com.microsoft` that ONNX Runtime's graph fusions write into models."""

from __future__ import annotations

import torch
from torch.nn import functional

from ratchet_runners.engine.operators.activations import named_activation
from ratchet_runners.engine.operators.linear import conv, gemm
from ratchet_runners.engine.operators.registry import (
    Attributes,
    Inputs,
    Outputs,
    UnsupportedForm,
    both,
    given,
    operator,
    optional,
)


@operator("com.microsoft::BiasGelu")
def bias_gelu(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, bias = both(inputs)
    return functional.gelu(x + bias)


@operator("com.microsoft::FastGelu")
def fast_gelu(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, bias = given(inputs, 0), optional(inputs, 1)
    return functional.gelu(x if bias is None else x + bias, approximate="tanh")


@operator("com.microsoft::QuickGelu")
def quick_gelu(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    return x * torch.sigmoid(float(attributes.get("alpha", 1.702)) * x)


@operator("com.microsoft::FusedMatMul", "com.microsoft::TransposeMatMul")
def fused_matmul(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    if attributes.get("transBatchA", 0) or attributes.get("transBatchB", 0):
        raise UnsupportedForm("a product with turned batches")
    one, other = both(inputs)
    one = one.transpose(-1, -2) if attributes.get("transA", 0) else one
    other = other.transpose(-1, -2) if attributes.get("transB", 0) else other
    return float(attributes.get("alpha", 1.0)) * (one @ other)


def _activated(attributes: Attributes, x: torch.Tensor) -> torch.Tensor:
    name = attributes.get("activation", "")
    settings = [float(number) for number in attributes.get("activation_params", ())]
    if not name:
        return x
    if name == "LeakyRelu":
        return functional.leaky_relu(x, settings[0])
    if name == "Clip":
        return x.clamp(settings[0], settings[1])
    if name == "HardSigmoid":
        return (settings[0] * x + settings[1]).clamp(0, 1)
    return named_activation(name)(x)


@operator("com.microsoft::FusedConv")
def fused_conv(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    answer, added = conv(attributes, inputs[:3]), optional(inputs, 3)
    return _activated(attributes, answer if added is None else answer + added)


@operator("com.microsoft::FusedGemm")
def fused_gemm(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    settings = [float(attributes[name]) for name in ("activation_alpha", "activation_beta") if name in attributes]
    answer = gemm(attributes, inputs)
    if attributes.get("activation") == "LeakyRelu":
        return functional.leaky_relu(answer, settings[0] if settings else 0.01)
    return _activated(attributes, answer)


@operator("com.microsoft::SkipLayerNormalization")
def skip_layer_normalization(attributes: Attributes, inputs: Inputs) -> Outputs:
    """The normalised sum, its mean and inverse deviation (which nothing uses while serving), and the sum."""
    x, skip = both(inputs)
    scale, shift, bias = given(inputs, 2), optional(inputs, 3), optional(inputs, 4)
    summed = x + skip if bias is None else x + skip + bias
    answer = functional.layer_norm(summed, [x.shape[-1]], scale, shift, float(attributes.get("epsilon", 1e-12)))
    return _with_sum(attributes, answer, summed)


@operator("com.microsoft::SkipSimplifiedLayerNormalization")
def skip_simplified_layer_normalization(attributes: Attributes, inputs: Inputs) -> Outputs:
    x, skip = both(inputs)
    scale, bias = given(inputs, 2), optional(inputs, 3)
    summed = x + skip if bias is None else x + skip + bias
    square = summed.square().mean(dim=-1, keepdim=True)
    answer = summed * torch.rsqrt(square + float(attributes.get("epsilon", 1e-5))) * scale
    return _with_sum(attributes, answer, summed)


def _with_sum(attributes: Attributes, answer: torch.Tensor, summed: torch.Tensor) -> Outputs:
    if attributes.wants(1) or attributes.wants(2):
        raise UnsupportedForm("mean or deviation are wanted")
    return (answer, answer, answer, summed) if attributes.wants(3) else answer
