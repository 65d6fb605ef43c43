from __future__ import annotations

import torch
from torch.nn import functional

from ratchet_runners.engine.operators.pooling import begin_and_end
from ratchet_runners.engine.operators.registry import Attributes, Inputs, UnsupportedForm, given, operator, optional


@operator("Conv")
def conv(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, weight = given(inputs, 0), given(inputs, 1)
    rank = weight.dim() - 2
    if rank not in (1, 2, 3):
        raise UnsupportedForm(f"a convolution over {rank} dimensions")
    strides = list(attributes.get("strides", [1] * rank))
    dilations = list(attributes.get("dilations", [1] * rank))
    begin, end = begin_and_end(attributes, x, list(weight.shape[2:]), strides, dilations)
    if begin != end:
        x = functional.pad(x, [side for pair in reversed(list(zip(begin, end, strict=True))) for side in pair])
        begin = [0] * rank
    convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]
    return convolve(x, weight, optional(inputs, 2), strides, begin, dilations, int(attributes.get("group", 1)))


@operator("Gemm")
def gemm(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    a, b, c = given(inputs, 0), given(inputs, 1), optional(inputs, 2)
    a = a.t() if attributes.get("transA", 0) else a
    b = b.t() if attributes.get("transB", 0) else b
    product = float(attributes.get("alpha", 1.0)) * (a @ b)
    return product if c is None else product + float(attributes.get("beta", 1.0)) * c


@operator("MatMul")
def matmul(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    return given(inputs, 0) @ given(inputs, 1)


@operator("BatchNormalization")
def batch_normalization(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    if attributes.get("training_mode", 0):
        raise UnsupportedForm("batch normalization in training mode")
    x, scale, bias, mean, variance = (given(inputs, position) for position in range(5))
    return functional.batch_norm(x, mean, variance, scale, bias, False, 0.0, float(attributes.get("epsilon", 1e-5)))
