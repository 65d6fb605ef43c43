"""How numbers are held in a quantized model: decided by configuration and hardware."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ratchet_runners.quantize.static.channels import WeightMethod
from ratchet_runners.quantize.static.config import QuantizeStatic
from ratchet_runners.technique import HardwareProfile


@dataclass(frozen=True)
class QuantizedForm:
    per_channel: bool = False
    unsigned_activations: bool = True
    symmetric_activations: bool = False
    symmetric_weights: bool = True
    #: Seven bits for weights where eight would overflow the processor's sums.
    reduce_range: bool = False
    weight_method: WeightMethod = "min-max"
    #: Weighted nodes whose weights get four bits.
    four_bits: frozenset[str] = frozenset()

    def scale_and_zero(self, low: float, high: float) -> tuple[np.float32, np.uint8 | np.int8]:
        """Scale and zero point of an activation over a range, extended to hold zero (as ONNX Runtime computes them)."""
        low, high = min(0.0, low), max(0.0, high)
        if self.symmetric_activations:
            high = max(-low, high)
            low = -high
        smallest, largest = (0, 255) if self.unsigned_activations else (-128, 127)
        if self.symmetric_activations and not self.unsigned_activations:
            smallest = -127
        scale = np.float32((high - low) / (largest - smallest))
        if scale < np.finfo(np.float32).tiny:
            scale = np.float32(1.0)
        zero = int(np.clip(np.rint(smallest - low / float(scale)), smallest, largest))
        return scale, np.uint8(zero) if self.unsigned_activations else np.int8(zero)


def form_of(config: QuantizeStatic, hardware: HardwareProfile) -> QuantizedForm:
    """x86 multiplies unsigned activations two to three times faster; the others want signed, symmetric ones."""
    unsigned = hardware.unsigned_activations
    symmetric = not unsigned if config.activation_symmetry == "auto" else config.activation_symmetry == "symmetric"
    return QuantizedForm(
        per_channel=config.per_channel,
        unsigned_activations=unsigned,
        symmetric_activations=symmetric,
        symmetric_weights=config.weight_symmetry == "symmetric",
        reduce_range=hardware.reduce_range,
        weight_method=config.weight_method or ("mean-squared-error" if config.weight_bits == 4 else "min-max"),
    )
