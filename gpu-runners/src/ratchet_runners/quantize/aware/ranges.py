"""Activation scales that follow a moving average of the extremes that training sees."""

from __future__ import annotations

import torch

from ratchet_runners.engine.quantized import QuantizedModule
from ratchet_runners.engine.quantized_layout import Activation
from ratchet_runners.quantize.calibration.ranges import Ranges

#: Steps never get smaller than this: a tensor of zeros has no range.
SMALLEST = 1e-8


class MovingRanges:
    """An exponential moving average of lowest and highest value at every Q/DQ pair, beginning with what is placed.

    Zero points stay where they were placed: ONNX Runtime leaves out a Relu where a zero point says the same. A scale
    shared by several pairs fits them all. Scales a channel are left alone.
    """

    def __init__(self, module: QuantizedModule, averaging: float) -> None:
        self._module, self._averaging = module, averaging
        self._extremes: dict[str, tuple[float, float]] = {}
        self._uses = [use for use in module.layout_of_pairs[1] if module.scale(use.numbers.scale).numel() == 1]
        for use in self._uses:
            step, zero = float(module.scale(use.numbers.scale).detach()), _zero(use)
            self._extremes[use.node] = ((use.numbers.low - zero) * step, (use.numbers.high - zero) * step)

    def watch(self, use: Activation, values: torch.Tensor) -> None:
        """Takes in one batch of a pair's input."""
        if use.node in self._extremes and values.numel():
            low, high = (float(edge) for edge in torch.aminmax(values))
            old_low, old_high = self._extremes[use.node]
            keep = self._averaging
            self._extremes[use.node] = (keep * old_low + (1 - keep) * low, keep * old_high + (1 - keep) * high)

    def place(self) -> None:
        """Sets the scales to fit the averages."""
        steps: dict[str, float] = {}
        for use in self._uses:
            steps[use.numbers.scale] = max(steps.get(use.numbers.scale, SMALLEST), self._step(use))
        for name, step in steps.items():
            self._module.place_scale(name, torch.tensor(step))

    def _step(self, use: Activation) -> float:
        low, high = self._extremes[use.node]
        above, below = use.numbers.high - _zero(use), _zero(use) - use.numbers.low
        return max(high / above if above > 0 else 0.0, -low / below if below > 0 else 0.0)


def ranges_of(module: QuantizedModule) -> Ranges:
    """What every quantized activation's integers reach from and to, by the tensor's name in the graph without pairs.

    Names that ONNX Runtime's quantizer gives to a graph's outputs are left out, and so are scales a channel.
    """
    found: Ranges = {}
    for use in module.layout_of_pairs[1]:
        scale = module.scale(use.numbers.scale)
        if scale.numel() == 1:
            step = float(scale.detach())
            found[use.tensor] = ((use.numbers.low - _zero(use)) * step, (use.numbers.high - _zero(use)) * step)
    return found


def _zero(use: Activation) -> float:
    return float(use.numbers.zero.flat[0]) if use.numbers.zero.size else 0.0
