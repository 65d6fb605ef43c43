from __future__ import annotations

import math

import torch
from torch.nn import functional

from ratchet_runners.engine.operators.registry import Attributes, Inputs, UnsupportedForm, given, operator


def begin_and_end(
    attributes: Attributes, x: torch.Tensor, kernel: list[int], strides: list[int], dilations: list[int]
) -> tuple[list[int], list[int]]:
    """Padding before and after each spatial dimension, also where it is to be worked out (`auto_pad`)."""
    rank = len(kernel)
    mode = attributes.get("auto_pad", "NOTSET")
    if mode == "NOTSET":
        pads = [int(pad) for pad in attributes.get("pads", [0] * 2 * rank)]
        return pads[:rank], pads[rank:]
    if mode == "VALID":
        return [0] * rank, [0] * rank
    begin: list[int] = []
    end: list[int] = []
    for size, width, stride, dilation in zip(x.shape[2:], kernel, strides, dilations, strict=True):
        total = max(0, (math.ceil(size / stride) - 1) * stride + (width - 1) * dilation + 1 - size)
        less, more = total // 2, total - total // 2
        begin.append(less if mode == "SAME_UPPER" else more)
        end.append(more if mode == "SAME_UPPER" else less)
    return begin, end


def _window(attributes: Attributes, x: torch.Tensor) -> tuple[list[int], list[int], list[int]]:
    kernel = [int(size) for size in attributes["kernel_shape"]]
    rank = len(kernel)
    strides = [int(stride) for stride in attributes.get("strides", [1] * rank)]
    dilations = [int(dilation) for dilation in attributes.get("dilations", [1] * rank)]
    begin, end = begin_and_end(attributes, x, kernel, strides, dilations)
    if begin != end:
        raise UnsupportedForm("pooling with another padding before than after")
    if any(2 * pad > size for pad, size in zip(begin, kernel, strict=True)):
        raise UnsupportedForm("pooling with more padding than half its kernel")
    if any(dilation != 1 for dilation in dilations):
        raise UnsupportedForm("pooling with dilations")
    return kernel, strides, begin


@operator("MaxPool")
def max_pool(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    kernel, strides, pads = _window(attributes, x)
    pool = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[len(kernel) - 1]
    return pool(x, kernel, strides, pads, ceil_mode=bool(attributes.get("ceil_mode", 0)))


@operator("AveragePool")
def average_pool(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    kernel, strides, pads = _window(attributes, x)
    if attributes.get("ceil_mode", 0):
        raise UnsupportedForm("average pooling that rounds up")
    pool = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)[len(kernel) - 1]
    return pool(x, kernel, strides, pads, count_include_pad=bool(attributes.get("count_include_pad", 0)))


@operator("GlobalAveragePool")
def global_average_pool(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    return x.mean(dim=tuple(range(2, x.dim())), keepdim=True)
