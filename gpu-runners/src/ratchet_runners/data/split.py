"""Splits by a stable hash of the request id: the same row always falls on the same side."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from ratchet_runners.data.rows import Indices, Rows


@dataclass(frozen=True)
class Split:
    """Disjoint positions in the rows, each in an order that depends on nothing but request ids and the seed."""

    #: For calibration and training.
    train: Indices
    #: For choices between what was trained: early stopping, best epoch.
    select: Indices
    #: Seen by no step; the report's figures come from here.
    held_back: Indices


def split_rows(rows: Rows, seed: int, select: float = 0.12, held_back: float = 0.12) -> Split:
    """Splits rows; equal request ids (a request that was sampled twice) always end up on the same side."""
    keys = np.array([_fraction(name, f"side-{seed}") for name in rows.request_id], dtype=np.float64)
    order = np.argsort(np.array([_fraction(name, f"order-{seed}") for name in rows.request_id]), kind="stable")
    side = keys[order]
    return Split(
        train=order[side >= select + held_back],
        select=order[side < select],
        held_back=order[(side >= select) & (side < select + held_back)],
    )


def with_replay(rows: Rows, positions: Indices, total: int, replay_share: float) -> Indices:
    """Up to `total` of `positions`, in their order, with this share of replay; either kind fills in for the other."""
    replay = positions[rows.replay[positions]]
    fresh = positions[~rows.replay[positions]]
    wanted_replay = min(len(replay), max(round(total * replay_share), total - len(fresh)))
    wanted_fresh = min(len(fresh), total - wanted_replay)
    chosen = set(replay[:wanted_replay].tolist()) | set(fresh[:wanted_fresh].tolist())
    return np.array([position for position in positions.tolist() if position in chosen], dtype=np.intp)


def _fraction(name: str, salt: str) -> float:
    hashed = hashlib.blake2b(name.encode(), key=salt.encode(), digest_size=8).digest()
    return int.from_bytes(hashed, "big") / 2**64
