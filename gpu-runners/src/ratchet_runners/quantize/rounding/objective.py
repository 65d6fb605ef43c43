"""The squared error of a layer's output as a quadratic form of its rounded weight: no row has to be kept.

With X the inputs in the float model and Z those in the quantized one (asymmetric reconstruction: earlier layers' errors
are made up for), E|W x - V z|^2 = tr(V Mzz VT) - 2 tr(W Mxz VT) + tr(W Mxx WT).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from ratchet_runners.data.rows import Inputs
from ratchet_runners.model.graph import Array
from ratchet_runners.quantize.counterpart import Counterpart
from ratchet_runners.quantize.stream import stream
from ratchet_runners.workbench import Workbench

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Objective:
    """Of one layer: matrices are (groups, out, in), moments (groups, in, in)."""

    #: Mean of z zT, damped.
    curvature: Doubles
    #: W Mxz, damped towards W itself.
    pull: Doubles
    #: What the loss has beside the terms in V, an output (groups, out).
    constant: Doubles

    def loss(self, weight: Doubles) -> Doubles:
        """Mean squared error of each output (groups, out) of a rounded weight."""
        quadratic = ((weight @ self.curvature - 2 * self.pull) * weight).sum(axis=2)
        return quadratic + self.constant

    def gradient(self, weight: Doubles) -> Doubles:
        return 2 * (weight @ self.curvature - self.pull)


def objective_of(
    pair: Counterpart,
    exact: onnx.ModelProto,
    quantized: onnx.ModelProto,
    rows: Inputs,
    damping: float,
    bench: Workbench,
) -> Objective:
    """Streams both models side by side up to the layer."""
    weight = pair.original.matrix(pair.weight)
    groups, _, width = weight.shape
    zz, xz, xx = (np.zeros((groups, width, width)) for _ in range(3))
    count = 0
    floats = stream(exact, [pair.original.activation], rows, bench)
    rounded = stream(quantized, [pair.layer.activation], rows, bench)
    for one, other in zip(floats, rounded, strict=True):
        x = _columns(pair, one[pair.original.activation], bench.seed + count)
        z = _columns(pair, other[pair.layer.activation], bench.seed + count)
        xx += x.transpose(0, 2, 1) @ x
        xz += x.transpose(0, 2, 1) @ z
        zz += z.transpose(0, 2, 1) @ z
        count += x.shape[1]
    zz, xz, xx = zz / count, xz / count, xx / count
    held = damping * np.einsum("gii->g", zz)[:, None, None] / width * np.eye(width)
    own = np.einsum("goi,gij,goj->go", weight, xx + held, weight, optimize=True)
    return Objective(zz + held, weight @ (xz + held), own)


def _columns(pair: Counterpart, value: Array, seed: int) -> Array:
    return pair.layer.columns(value, seed).astype(np.float32)
