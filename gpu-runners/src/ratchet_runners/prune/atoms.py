"""Positions along the axes of tensors that live and die together (union-find)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Atom numbers, one a position of an axis.
Labels = npt.NDArray[np.int64]


class Atoms:
    """Disjoint sets with path halving and union by the smaller number, so that the outcome never depends on hashing.

    A set may carry the reason why it must stay; the first reason that is given counts.
    """

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._reason: dict[int, str] = {}

    @property
    def count(self) -> int:
        return len(self._parent)

    def fresh(self, count: int) -> Labels:
        start = len(self._parent)
        self._parent.extend(range(start, start + count))
        return np.arange(start, start + count, dtype=np.int64)

    def root(self, atom: int) -> int:
        parent = self._parent
        while parent[atom] != atom:
            parent[atom] = parent[parent[atom]]
            atom = parent[atom]
        return atom

    def roots(self, labels: npt.NDArray[Any]) -> Labels:
        """The representative of every position, in the labels' shape."""
        found = np.fromiter((self.root(atom) for atom in labels.ravel().tolist()), np.int64, labels.size)
        return found.reshape(labels.shape)

    def tie(self, one: npt.NDArray[Any], other: npt.NDArray[Any]) -> None:
        """Position by position, from now on the two are one. Shapes are broadcast."""
        if one is other:
            return
        first, second = np.broadcast_arrays(one, other)
        for left, right in zip(first.ravel().tolist(), second.ravel().tolist(), strict=True):
            self._join(left, right)

    def keep(self, labels: npt.NDArray[Any], reason: str) -> None:
        """These positions must stay."""
        for atom in labels.ravel().tolist():
            self._reason.setdefault(self.root(atom), reason)

    def reason(self, atom: int) -> str | None:
        """Why it must stay; None where it may go."""
        return self._reason.get(self.root(atom))

    def _join(self, left: int, right: int) -> None:
        left, right = self.root(left), self.root(right)
        if left == right:
            return
        if left > right:
            left, right = right, left
        self._parent[right] = left
        reason = self._reason.pop(right, None)
        if reason is not None:
            self._reason.setdefault(left, reason)
