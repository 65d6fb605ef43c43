"""Splitting and choosing rows, and ranges that fresh and older rows share."""

from __future__ import annotations

import numpy as np
import pytest

from ratchet_runners.data.rows import Rows
from ratchet_runners.data.split import split_rows, with_replay
from ratchet_runners.quantize.static.calibrate import widen


def rows(fresh: int, older: int) -> Rows:
    count = fresh + older
    return Rows(
        request_id=tuple(f"r{number}" for number in range(count)),
        at=np.zeros(count, np.int64),
        input=np.zeros((count, 1), np.float32),
        prediction=np.zeros(count),
        label=np.zeros(count),
        replay=np.arange(count) >= fresh,
        weight=np.ones(count),
        digest="sha256:" + "0" * 64,
    )


def test_sides_are_disjoint_complete_and_depend_on_ids_only() -> None:
    content = rows(900, 100)
    split = split_rows(content, 3)
    together = np.concatenate([split.train, split.select, split.held_back])
    assert sorted(together.tolist()) == list(range(1000))
    assert len(split.select) == pytest.approx(120, abs=40)
    backwards = content.take(np.arange(1000)[::-1])
    mirrored = split_rows(backwards, 3)
    assert [content.request_id[at] for at in split.train] == [backwards.request_id[at] for at in mirrored.train]


@pytest.mark.parametrize(
    ("fresh", "older", "total", "share", "expected_fresh", "expected_older"),
    [
        (900, 900, 400, 0.25, 300, 100),
        (900, 0, 400, 0.25, 400, 0),
        (900, 20, 400, 0.25, 380, 20),
        (100, 900, 400, 0.25, 100, 300),
        (0, 900, 400, 0.25, 0, 400),
        (50, 10, 400, 0.25, 50, 10),
    ],
)
def test_either_kind_fills_in_for_the_other(
    fresh: int, older: int, total: int, share: float, expected_fresh: int, expected_older: int
) -> None:
    content = rows(fresh, older)
    chosen = with_replay(content, np.arange(fresh + older), total, share)
    assert int(content.replay[chosen].sum()) == expected_older
    assert len(chosen) - int(content.replay[chosen].sum()) == expected_fresh


def test_older_rows_widen_a_range_only_so_far() -> None:
    merged, held = widen(
        {"a": (0.0, 1.0), "b": (-1.0, 1.0), "c": (0.0, 2.0)},
        {"a": (0.0, 20.0), "b": (-1.5, 1.5), "c": (0.5, 1.0)},
        2.0,
    )
    assert merged == {"a": (0.0, 2.0), "b": (-1.5, 1.5), "c": (0.0, 2.0)}
    assert held == 1
