"""Which rows train, which choose, which are seen by no search; what belongs together never falls apart."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ratchet_runners.data.rows import Doubles, Indices, Rows
from ratchet_runners.documents.job import SplitPlan


@dataclass(frozen=True)
class Split:
    """Disjoint positions in the rows, each in an order that depends on nothing but request ids and the seed."""

    #: For calibration and training.
    train: Indices
    #: For choices between what was trained: early stopping, best epoch.
    select: Indices
    #: Seen by no step; the report's figures come from here.
    held_back: Indices


def split_rows(rows: Rows, seed: int, plan: SplitPlan | None = None) -> Split:
    """Splits rows so that nothing leaks.

    `request`: rows of one request (sampled twice) and rows of equal content are a group, whose hash chooses its
    side. `entity`: a hash of the entity does. `time`: the newest fresh rows are held back and those before them
    select, while older rows are hashed, so that forgetting is measured too. With the last two, copies of a row that is
    held back are dropped from the other sides, and copies of one that selects from training: joining them into groups
    would soon put everything on one side.
    """
    plan = plan or SplitPlan()
    contents = [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows.input]
    owners = list(rows.entity) if plan.by == "entity" and rows.entity else list(rows.request_id)
    group = owners if plan.by == "entity" and rows.entity else _joined(owners, contents)
    side = np.array([_fraction(name, f"side-{seed}") for name in group], dtype=np.float64)
    if plan.by == "time":
        side = _by_age(rows, side, plan)
    if plan.by != "request":
        side = _without_copies(side, [contents, list(rows.request_id)], plan)
    order = np.argsort(np.array([_fraction(name, f"order-{seed}") for name in rows.request_id]), kind="stable")
    sorted_side = side[order]
    return Split(
        train=order[sorted_side >= plan.select + plan.held_back],
        select=order[sorted_side < plan.select],
        held_back=order[(sorted_side >= plan.select) & (sorted_side < plan.select + plan.held_back)],
    )


def with_replay(rows: Rows, positions: Indices, total: int, replay_share: float) -> Indices:
    """Up to `total` of `positions`, in their order, with this share of replay; either kind fills in for the other."""
    replay = positions[rows.replay[positions]]
    fresh = positions[~rows.replay[positions]]
    wanted_replay = min(len(replay), max(round(total * replay_share), total - len(fresh)))
    wanted_fresh = min(len(fresh), total - wanted_replay)
    chosen = set(replay[:wanted_replay].tolist()) | set(fresh[:wanted_fresh].tolist())
    return np.array([position for position in positions.tolist() if position in chosen], dtype=np.intp)


def _joined(owners: Sequence[str], contents: Sequence[bytes]) -> list[str]:
    """Each row's group: the first in the alphabet of all owners that equal rows tie together (union-find)."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    first: dict[bytes, str] = {}
    for name, content in zip(owners, contents, strict=True):
        low, high = sorted((root(name), root(first.setdefault(content, name))))
        parent[high] = low
    return [root(name) for name in owners]


def _by_age(rows: Rows, hashed: Doubles, plan: SplitPlan) -> Doubles:
    """Sides of fresh rows by their age, as numbers on the scale of the hash."""
    fresh = np.flatnonzero(~rows.replay)
    newest = fresh[np.argsort(-rows.at[fresh], kind="stable")]
    held, selecting = round(len(fresh) * plan.held_back), round(len(fresh) * plan.select)
    side = hashed.copy()
    side[newest[:held]] = plan.select
    side[newest[held : held + selecting]] = 0.0
    side[newest[held + selecting :]] = 1.0
    return side


def _without_copies(side: Doubles, identities: Sequence[Sequence[str | bytes]], plan: SplitPlan) -> Doubles:
    """NaN, which is no side, for rows that have an identity in common with a row that is seen later in a job."""
    order = np.where(side < plan.select, 1, np.where(side < plan.select + plan.held_back, 2, 0))
    kept = side.copy()
    for identity in identities:
        latest: dict[str | bytes, int] = {}
        for name, rank in zip(identity, order.tolist(), strict=True):
            latest[name] = max(rank, latest.get(name, 0))
        kept[[latest[name] > rank for name, rank in zip(identity, order.tolist(), strict=True)]] = np.nan
    return kept


def _fraction(name: str, salt: str) -> float:
    hashed = hashlib.blake2b(name.encode(), key=salt.encode(), digest_size=8).digest()
    return int.from_bytes(hashed, "big") / 2**64
