"""Convolutions and products: where the weights are."""

from __future__ import annotations

from itertools import chain

import torch
from torch.nn import functional

from ratchet_runners.engine.operators.padding import begin_and_end, sides_of
from ratchet_runners.engine.operators.registry import (
    Attributes,
    Inputs,
    UnsupportedForm,
    both,
    given,
    operator,
    optional,
)


@operator("Conv")
def conv(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, weight = given(inputs, 0), given(inputs, 1)
    rank = weight.dim() - 2
    if rank not in (1, 2, 3):
        raise UnsupportedForm(f"a convolution over {rank} dimensions")
    strides = list(attributes.get("strides", [1] * rank))
    dilations = list(attributes.get("dilations", [1] * rank))
    begin, end = begin_and_end(attributes, list(x.shape[2:]), list(weight.shape[2:]), strides, dilations)
    if begin != end:
        x = functional.pad(x, sides_of(begin, end))
        begin = [0] * rank
    convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]
    return convolve(x, weight, optional(inputs, 2), strides, begin, dilations, int(attributes.get("group", 1)))


@operator("ConvTranspose")
def conv_transpose(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    """The whole result first, then what the padding takes away is cut off."""
    x, weight = given(inputs, 0), given(inputs, 1)
    rank = weight.dim() - 2
    if rank not in (1, 2, 3):
        raise UnsupportedForm(f"a transposed convolution over {rank} dimensions")
    strides = [int(stride) for stride in attributes.get("strides", [1] * rank)]
    dilations = [int(dilation) for dilation in attributes.get("dilations", [1] * rank)]
    extra = [int(size) for size in attributes.get("output_padding", [0] * rank)]
    if any(more >= max(stride, dilation) for more, stride, dilation in zip(extra, strides, dilations, strict=True)):
        raise UnsupportedForm("an output padding as large as the stride")
    convolve = (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)[rank - 1]
    group = int(attributes.get("group", 1))
    whole = convolve(x, weight, optional(inputs, 2), strides, 0, extra, group, dilations)
    begin, end = _cut(attributes, list(x.shape[2:]), list(whole.shape[2:]), strides)
    if min(*begin, *end) < 0:
        raise UnsupportedForm("a transposed convolution that is larger than its kernel reaches")
    for axis, (first, last) in enumerate(zip(begin, end, strict=True)):
        whole = whole.narrow(axis + 2, first, whole.shape[axis + 2] - first - last)
    return whole


def _cut(attributes: Attributes, sizes: list[int], whole: list[int], strides: list[int]) -> tuple[list[int], list[int]]:
    """What is cut off before and after, by `pads`, `output_shape` or `auto_pad`."""
    rank = len(sizes)
    mode = attributes.get("auto_pad", "NOTSET")
    wanted = attributes.get("output_shape")
    if wanted is None and mode in ("NOTSET", "VALID"):
        pads = [int(pad) for pad in attributes.get("pads", [0] * 2 * rank)] if mode == "NOTSET" else [0] * 2 * rank
        return pads[:rank], pads[rank:]
    targets = list(wanted)[-rank:] if wanted else [size * stride for size, stride in zip(sizes, strides, strict=True)]
    totals = [have - int(want) for have, want in zip(whole, targets, strict=True)]
    less, more = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return (less, more) if mode == "SAME_UPPER" else (more, less)


@operator("Gemm")
def gemm(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    a, b, c = given(inputs, 0), given(inputs, 1), optional(inputs, 2)
    a = a.t() if attributes.get("transA", 0) else a
    b = b.t() if attributes.get("transB", 0) else b
    product, alpha = a @ b, float(attributes.get("alpha", 1.0))
    product = product if alpha == 1.0 else alpha * product
    if c is None:
        return product
    beta = float(attributes.get("beta", 1.0))
    return product + (c if beta == 1.0 else beta * c)


@operator("MatMul")
def matmul(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    one, other = both(inputs)
    return one @ other


@operator("Einsum")
def einsum(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    equation = str(attributes["equation"]).replace(" ", "")
    return torch.einsum(equation, *chain(given(inputs, position) for position in range(len(inputs))))
