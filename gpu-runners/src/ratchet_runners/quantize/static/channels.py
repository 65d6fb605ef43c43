"""Integers for constant weights: which axis the channels lie on, which scale each gets."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx

Floats = npt.NDArray[np.float32]
WeightMethod = Literal["min-max", "mean-squared-error"]

#: Shares of the largest magnitude that the grid for a scale tries; 1 first, so that it wins between equals.
SHARES = np.linspace(1.0, 0.5, 51)


def channel_axis(node: onnx.NodeProto, weight_rank: int) -> int | None:
    """The axis of a weight along which a scale each can be applied after the product; None where there is none.

    A product with a weight of more than two axes has no such axis that all of ONNX Runtime's kernels share.
    """
    if node.op_type == "Conv":
        return 0
    if node.op_type == "ConvTranspose":
        return 1 if all(item.i == 1 for item in node.attribute if item.name == "group") else None
    if node.op_type == "Gemm":
        return 0 if any(item.name == "transB" and item.i for item in node.attribute) else 1
    if node.op_type == "MatMul":
        return 1 if weight_rank == 2 else None
    if node.op_type in ("GRU", "LSTM", "RNN"):
        return 1
    return None


def scales_of(weight: Floats, axis: int | None, largest: int, method: WeightMethod) -> Floats:
    """Symmetric scales, one a channel of `axis` or a single one (no axis), for integers in -largest..largest.

    `mean-squared-error` takes, channel by channel, the clipping on a grid with the least squared error (as OCTAV and
    LAPQ do by other searches); it is never worse on that than `min-max`, which clips nothing.
    """
    rows = weight.reshape(1, -1) if axis is None else np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1)
    top = np.abs(rows).max(axis=1, initial=0.0)
    best = np.maximum(top, np.finfo(np.float32).tiny * largest) / largest
    if method == "mean-squared-error":
        whole, least = best.copy(), np.full(len(rows), np.inf)
        for share in SHARES:
            scale = (whole * share)[:, None]
            error = ((np.clip(np.rint(rows / scale), -largest, largest) * scale - rows) ** 2).sum(axis=1)
            better = error < least
            best[better], least[better] = whole[better] * share, error[better]
    return best.astype(np.float32)


def integers_of(weight: Floats, scales: Floats, axis: int | None, largest: int) -> npt.NDArray[np.int8]:
    """The nearest integers in -largest..largest."""
    return np.clip(np.rint(weight / spread(scales, axis, weight.ndim)), -largest, largest).astype(np.int8)


def spread(scales: Floats, axis: int | None, rank: int) -> Floats:
    """Scales in a shape that multiplies a weight of this rank."""
    return scales.reshape([-1 if position == axis else 1 for position in range(rank)])


def rounded(weight: Floats, axis: int | None, bits: int, method: WeightMethod = "min-max") -> Floats:
    """The weight as `bits` bits would hold it."""
    largest = 2 ** (bits - 1) - 1
    scales = scales_of(weight, axis, largest, method)
    return (integers_of(weight, scales, axis, largest) * spread(scales, axis, weight.ndim)).astype(np.float32)


def overrides(
    weight: Floats, axis: int | None, bits: int, method: WeightMethod, quant_type: Any
) -> list[dict[str, Any]]:
    """What ONNX Runtime's quantizer takes as `TensorQuantOverrides` for a weight whose scales are known."""
    zero = np.zeros((), dtype=np.int8)
    entries = [
        {"scale": np.float32(scale), "zero_point": zero, "quant_type": quant_type}
        for scale in scales_of(weight, axis, 2 ** (bits - 1) - 1, method)
    ]
    return entries if axis is None else [{**entry, "axis": axis} for entry in entries]
