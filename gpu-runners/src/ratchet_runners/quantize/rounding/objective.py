"""The squared error of a layer's output as a quadratic form of its rounded weight: no row has to be kept.

With X the inputs in the float model and Z those in the quantized one (asymmetric reconstruction: earlier layers' errors
are made up for), E|W x - V z|^2 = tr(V Mzz VT) - 2 tr(W Mxz VT) + tr(W Mxx WT). Where the layer's bias can take a
shift, moments are about the mean: weights need not bend to make up for what a bias does for nothing.
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
    #: Mean of the float model's output without its bias (groups, out), and of the quantized one's input (groups, in).
    wanted_mean: Doubles
    input_mean: Doubles

    def loss(self, weight: Doubles) -> Doubles:
        """Mean squared error of each output (groups, out) of a rounded weight."""
        quadratic = ((weight @ self.curvature - 2 * self.pull) * weight).sum(axis=2)
        return quadratic + self.constant

    def gradient(self, weight: Doubles) -> Doubles:
        return 2 * (weight @ self.curvature - self.pull)

    def shift(self, weight: Doubles) -> Doubles:
        """What a bias must add so that the mean comes out right, an output (groups, out)."""
        return self.wanted_mean - np.einsum("goi,gi->go", weight, self.input_mean)


class Moments:
    """Second moments of the inputs of one layer in both models, gathered batch by batch."""

    def __init__(self, groups: int, width: int) -> None:
        self.zz, self.xz, self.xx = (np.zeros((groups, width, width)) for _ in range(3))
        self.x, self.z = np.zeros((groups, width)), np.zeros((groups, width))
        self.count = 0

    def add(self, x: Array, z: Array) -> None:
        """Rows (groups, n, in) of the float and of the quantized model, in the same order."""
        self.xx += x.transpose(0, 2, 1) @ x
        self.xz += x.transpose(0, 2, 1) @ z
        self.zz += z.transpose(0, 2, 1) @ z
        self.x += x.sum(axis=1, dtype=np.float64)
        self.z += z.sum(axis=1, dtype=np.float64)
        self.count += x.shape[1]

    def objective(self, weight: Doubles, damping: float, centred: bool) -> Objective:
        """For a float weight (groups, out, in). Damping is a share of the inputs' mean power."""
        x, z = self.x / self.count, self.z / self.count
        zz, xz, xx = (total / self.count for total in (self.zz, self.xz, self.xx))
        width = zz.shape[1]
        held = damping * np.einsum("gii->g", zz)[:, None, None] / width * np.eye(width)
        if centred:
            zz = zz - z[:, :, None] * z[:, None, :]
            xz = xz - x[:, :, None] * z[:, None, :]
            xx = xx - x[:, :, None] * x[:, None, :]
        own = np.einsum("goi,gij,goj->go", weight, xx + held, weight, optimize=True)
        return Objective(zz + held, weight @ (xz + held), own, np.einsum("goi,gi->go", weight, x), z)


def objective_of(
    pair: Counterpart,
    exact: onnx.ModelProto,
    quantized: onnx.ModelProto,
    rows: Inputs,
    damping: float,
    centred: bool,
    bench: Workbench,
) -> Objective:
    """Streams both models side by side up to the layer."""
    weight = pair.original.matrix(pair.weight)
    moments = Moments(weight.shape[0], weight.shape[2])
    floats = stream(exact, [pair.original.activation], rows, bench)
    rounded = stream(quantized, [pair.layer.activation], rows, bench)
    for one, other in zip(floats, rounded, strict=True):
        seed = bench.seed + moments.count
        x = pair.layer.columns(one[pair.original.activation], seed).astype(np.float32)
        z = pair.layer.columns(other[pair.layer.activation], seed).astype(np.float32)
        moments.add(x, z)
    return moments.objective(weight, damping, centred)
