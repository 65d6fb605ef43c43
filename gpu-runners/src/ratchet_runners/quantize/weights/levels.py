"""What a weight may become: equal steps in blocks, or the entries of a codebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ratchet_runners.model.graph import Array

Doubles = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8]

#: Shares of the full range that `shrink` tries.
SHARES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65)


class Levels(Protocol):
    """Rounds the columns of one matrix (out, in). GPTQ asks for column after column while later ones still change."""

    def fit(self, weight: Doubles, start: int) -> None:
        """Sets the levels that begin at column `start` from the weight as it is now."""
        ...

    def nearest(self, values: Doubles, column: int) -> tuple[Codes, Doubles]:
        """Codes of one column (out,) and what they stand for."""
        ...


@dataclass
class Blocks:
    """Equal steps: code c of row r and block b stands for (c - zero[r, b]) * scale[r, b]."""

    bits: int
    #: Columns of a block.
    size: int
    symmetric: bool
    shrink: bool
    scale: Doubles
    zero: Doubles

    @staticmethod
    def of(weight: Doubles, bits: int, size: int, symmetric: bool, shrink: bool) -> Blocks:
        """Levels for all blocks of a matrix (out, in); the last block may be shorter."""
        size = size or weight.shape[1]
        shape = (weight.shape[0], -(-weight.shape[1] // size))
        made = Blocks(bits, size, symmetric, shrink, np.ones(shape), np.zeros(shape))
        for start in range(0, weight.shape[1], size):
            made.fit(weight, start)
        return made

    @property
    def highest(self) -> int:
        return 2**self.bits - 1

    def fit(self, weight: Doubles, start: int) -> None:
        block = start // self.size
        if start % self.size:
            return
        part = weight[:, start : start + self.size]
        best: Doubles | None = None
        # The scale is stored in single precision: what is rounded here must be what will be multiplied there.
        for share in SHARES if self.shrink else (1.0,):
            scale, zero = self._range(part, share)
            codes = np.clip(np.rint(part / scale[:, None]) + zero[:, None], 0, self.highest)
            error = np.square((codes - zero[:, None]) * scale[:, None] - part).sum(axis=1)
            better = np.ones(len(part), np.bool_) if best is None else error < best
            self.scale[better, block], self.zero[better, block] = scale[better], zero[better]
            best = error if best is None else np.minimum(best, error)

    def _range(self, part: Doubles, share: float) -> tuple[Doubles, Doubles]:
        middle = 2.0 ** (self.bits - 1)
        if self.symmetric:
            scale = np.abs(part).max(axis=1) * share / (middle - 1)
            zero = np.full(len(part), middle)
        else:
            low = np.minimum(part.min(axis=1), 0) * share
            high = np.maximum(part.max(axis=1), 0) * share
            scale = (high - low) / self.highest
            zero = np.rint(-low / np.where(scale > 0, scale, 1))
        scale = np.where(scale > 1e-30, scale, 1.0).astype(np.float32).astype(np.float64)
        return scale, zero

    def nearest(self, values: Doubles, column: int) -> tuple[Codes, Doubles]:
        scale, zero = self.scale[:, column // self.size], self.zero[:, column // self.size]
        codes = np.clip(np.rint(values / scale) + zero, 0, self.highest)
        return codes.astype(np.uint8), (codes - zero) * scale


@dataclass
class Books:
    """Codebooks (books, entries), ascending; each serves as many successive output channels as the others."""

    entries: Doubles

    def fit(self, weight: Doubles, start: int) -> None:
        """Codebooks do not change while columns are rounded."""

    def nearest(self, values: Doubles, column: int) -> tuple[Codes, Doubles]:
        del column
        books = len(self.entries)
        rows = values.reshape(books, -1)
        codes = np.stack(
            [
                np.searchsorted((book[1:] + book[:-1]) / 2, row, side="left")
                for book, row in zip(self.entries, rows, strict=True)
            ]
        )
        return codes.astype(np.uint8).reshape(-1), np.take_along_axis(self.entries, codes, axis=1).reshape(-1)


def rounded(weight: Doubles, levels: Levels) -> tuple[Codes, Doubles]:
    """Every weight at its nearest level: codes and values, both (out, in)."""
    codes = np.empty(weight.shape, np.uint8)
    values = np.empty_like(weight)
    for column in range(weight.shape[1]):
        codes[:, column], values[:, column] = levels.nearest(weight[:, column], column)
    return codes, values


def loss(difference: Doubles, hessian: Array) -> Doubles:
    """Mean squared error of each output (out,) that a change (out, in) of the weight makes: d H dT, its diagonal."""
    return np.einsum("oi,oi->o", difference @ hessian, difference)
