"""Pools over windows and over everything."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from ratchet_runners.engine.operators.padding import begin_and_end, sides_of
from ratchet_runners.engine.operators.registry import (
    Attributes,
    Inputs,
    UnsupportedForm,
    given,
    only_output,
    operator,
)

MAX_POOLS = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)
AVERAGE_POOLS = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)
CONVOLUTIONS = (functional.conv1d, functional.conv2d, functional.conv3d)


@dataclass(frozen=True)
class Windows:
    """Where the windows lie. `beyond` is what the last ones reach over the padded end when sizes are rounded up."""

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    begin: list[int]
    end: list[int]
    beyond: list[int]

    @property
    def plain(self) -> bool:
        """Whether torch's own pools know the form."""
        return (
            self.begin == self.end
            and not any(self.beyond)
            and all(2 * pad <= size for pad, size in zip(self.begin, self.kernel, strict=True))
        )


def windows_of(attributes: Attributes, x: torch.Tensor) -> Windows:
    """@throws UnsupportedForm"""
    kernel = [int(size) for size in attributes["kernel_shape"]]
    rank = len(kernel)
    if rank not in (1, 2, 3):
        raise UnsupportedForm(f"pooling over {rank} dimensions")
    strides = [int(stride) for stride in attributes.get("strides", [1] * rank)]
    dilations = [int(dilation) for dilation in attributes.get("dilations", [1] * rank)]
    sizes = list(x.shape[2:])
    begin, end = begin_and_end(attributes, sizes, kernel, strides, dilations)
    beyond = [0] * rank
    up = bool(attributes.get("ceil_mode", 0)) and attributes.get("auto_pad", "NOTSET") == "NOTSET"
    for axis in range(rank):
        reach = dilations[axis] * (kernel[axis] - 1) + 1
        room = sizes[axis] + begin[axis] + end[axis] - reach
        count = (math.ceil(room / strides[axis]) if up else room // strides[axis]) + 1
        # A window that would begin in the padding at the end is no window.
        if up and (count - 1) * strides[axis] >= sizes[axis] + begin[axis]:
            count -= 1
        beyond[axis] = max(0, (count - 1) * strides[axis] - room)
    return Windows(kernel, strides, dilations, begin, end, beyond)


def _padded(x: torch.Tensor, windows: Windows, value: float) -> torch.Tensor:
    end = [one + other for one, other in zip(windows.end, windows.beyond, strict=True)]
    return functional.pad(x, sides_of(windows.begin, end), value=value)


@operator("MaxPool")
def max_pool(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    only_output(attributes)
    windows = windows_of(attributes, x)
    pool = MAX_POOLS[len(windows.kernel) - 1]
    if windows.plain:
        return pool(x, windows.kernel, windows.strides, windows.begin, windows.dilations)
    lowest = -math.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
    return pool(_padded(x, windows, lowest), windows.kernel, windows.strides, 0, windows.dilations)


def _window_sums(x: torch.Tensor, windows: Windows) -> torch.Tensor:
    """Sums over windows of a tensor that is padded already."""
    rank, channels = len(windows.kernel), x.shape[1]
    if all(dilation == 1 for dilation in windows.dilations):
        return AVERAGE_POOLS[rank - 1](x, windows.kernel, windows.strides) * math.prod(windows.kernel)
    ones = torch.ones(channels, 1, *windows.kernel, dtype=x.dtype, device=x.device)
    return CONVOLUTIONS[rank - 1](x, ones, None, windows.strides, 0, windows.dilations, channels)


@operator("AveragePool")
def average_pool(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    windows = windows_of(attributes, x)
    count_padding = bool(attributes.get("count_include_pad", 0))
    rank = len(windows.kernel)
    if windows.plain and all(dilation == 1 for dilation in windows.dilations):
        return AVERAGE_POOLS[rank - 1](
            x, windows.kernel, windows.strides, windows.begin, count_include_pad=count_padding
        )
    ones = torch.ones(1, 1, *x.shape[2:], dtype=x.dtype, device=x.device)
    counted = functional.pad(ones, sides_of(windows.begin, windows.end), value=1.0 if count_padding else 0.0)
    counted = functional.pad(counted, sides_of([0] * rank, windows.beyond))
    return _window_sums(_padded(x, windows, 0.0), windows) / _window_sums(counted, windows)


@operator("LpPool")
def lp_pool(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, p = given(inputs, 0), int(attributes.get("p", 2))
    windows = windows_of(attributes, x)
    return _window_sums(_padded(x.abs().pow(p), windows, 0.0), windows).pow(1.0 / p)


@operator("GlobalAveragePool")
def global_average_pool(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    return x.mean(dim=tuple(range(2, x.dim())), keepdim=True)


@operator("GlobalMaxPool")
def global_max_pool(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x = given(inputs, 0)
    return x.amax(dim=tuple(range(2, x.dim())), keepdim=True)


@operator("GlobalLpPool")
def global_lp_pool(attributes: Attributes, inputs: Inputs) -> torch.Tensor:
    x, p = given(inputs, 0), int(attributes.get("p", 2))
    return torch.linalg.vector_norm(x, ord=p, dim=tuple(range(2, x.dim())), keepdim=True)
