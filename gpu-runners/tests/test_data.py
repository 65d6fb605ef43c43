"""Splitting and choosing rows, and ranges that fresh and older rows share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ratchet_runners.data.rows import NUMPY_TYPES, Indices, Rows, read_rows
from ratchet_runners.data.split import Split, split_rows, with_replay
from ratchet_runners.documents.job import DataFile, ModelContract, SplitPlan
from ratchet_runners.faults import DataUnusable
from ratchet_runners.quantize.calibration.ranges import widen
from support import CONTRACT, digest, write_table


def rows(fresh: int, older: int = 0, **more: Any) -> Rows:
    """Rows that all differ, one a minute; the older ones come last."""
    count = fresh + older
    return replace(
        Rows(
            request_id=tuple(f"r{number}" for number in range(count)),
            at=np.arange(count, dtype=np.int64) * 60_000,
            input=np.arange(count, dtype=np.float32)[:, None],
            prediction=np.zeros(count),
            label=np.zeros(count),
            replay=np.arange(count) >= fresh,
            weight=np.ones(count),
            digest="sha256:" + "0" * 64,
        ),
        **more,
    )


def sides(split: Split) -> tuple[Indices, Indices, Indices]:
    return split.train, split.select, split.held_back


def disjoint(*sets: set[Any]) -> bool:
    return len(set.union(*sets)) == sum(len(each) for each in sets)


def test_sides_are_disjoint_complete_and_depend_on_ids_only() -> None:
    content = rows(900, 100)
    split = split_rows(content, 3)
    assert sorted(np.concatenate(sides(split)).tolist()) == list(range(1000))
    assert len(split.select) == pytest.approx(120, abs=40)
    backwards = content.take(np.arange(1000)[::-1])
    mirrored = split_rows(backwards, 3)
    assert [content.request_id[at] for at in split.train] == [backwards.request_id[at] for at in mirrored.train]


def test_other_shares_give_other_sizes() -> None:
    split = split_rows(rows(4000), 3, SplitPlan(select=0.3, held_back=0.2))
    assert len(split.select) == pytest.approx(1200, abs=90)
    assert len(split.held_back) == pytest.approx(800, abs=80)


@pytest.mark.parametrize("seed", range(5))
def test_no_entity_is_on_two_sides(seed: int) -> None:
    random = np.random.default_rng(seed)
    names = tuple(f"customer-{number}" for number in random.integers(0, 60, 900))
    split = split_rows(rows(800, 100, entity=names), seed, SplitPlan(by="entity"))
    owners = [{names[at] for at in side} for side in sides(split)]
    assert all(owners)
    assert disjoint(*owners)


@pytest.mark.parametrize("by", ["request", "entity", "time"])
@pytest.mark.parametrize("seed", range(4))
def test_copies_of_a_row_are_on_one_side_whatever_splits(by: Any, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 300, 900).astype(np.float32)[:, None]
    names = tuple(f"customer-{number % 450}" for number in range(900))
    split = split_rows(rows(700, 200, input=values, entity=names), seed, SplitPlan(by=by))
    train, select, held_back = (set(values[side, 0].tolist()) for side in sides(split))
    assert held_back
    assert train
    assert select
    assert disjoint(train, select, held_back)


def test_a_request_that_was_sampled_twice_is_on_one_side_though_its_rows_differ() -> None:
    ids = tuple(f"r{number // 2}" for number in range(900))
    names = tuple(f"customer-{number}" for number in range(900))
    for by in ("request", "entity"):
        split = split_rows(rows(900, request_id=ids, entity=names), 1, SplitPlan(by=by))
        held = [{ids[at] for at in side} for side in sides(split)]
        assert disjoint(*held)


def test_a_split_by_time_holds_the_newest_back_and_measures_forgetting_too() -> None:
    content = rows(900, 300).take(np.random.default_rng(0).permutation(1200))
    split = split_rows(content, 3, SplitPlan(by="time", select=0.1, held_back=0.2))
    ages = [content.at[side[~content.replay[side]]] for side in sides(split)]
    assert ages[0].max() < ages[1].min() <= ages[1].max() < ages[2].min()
    assert [len(age) for age in ages] == [630, 90, 180]
    assert content.replay[split.held_back].any()
    assert content.replay[split.train].any()


def arrow(values: Any, width: int, path: Path, **columns: Any) -> DataFile:
    count = len(values) // width
    content = pa.table(
        {
            "request_id": [f"r{number}" for number in range(count)],
            "at": pa.array([0] * count, pa.timestamp("ms", "UTC")),
            "input": pa.FixedSizeListArray.from_arrays(values, width),
            "prediction": pa.array([0.0] * count),
            "label": pa.array([0.0] * count),
            "stratum": ["fresh"] * count,
            **columns,
        }
    )
    write_table(content, path)
    return DataFile(path=path.name, digest=digest(path), rows=count, labelled=count)


def tokens(datatype: str) -> ModelContract:
    given = {"name": "tokens", "datatype": datatype, "shape": [-1, 3]}
    return ModelContract.model_validate({**CONTRACT, "input": given})


@pytest.mark.parametrize("datatype", ["INT64", "INT32", "FP32"])
@pytest.mark.parametrize("kind", [pa.float32(), pa.int64(), pa.int32()])
def test_rows_come_in_the_type_that_the_model_takes(tmp_path: Path, datatype: str, kind: Any) -> None:
    expected = arrow(pa.array([1, 2, 3, 4, 5, 16_000_000], kind), 3, tmp_path / "rows.arrow")
    content, _ = read_rows(tmp_path / "rows.arrow", expected, tokens(datatype))
    assert content.input.dtype == NUMPY_TYPES[datatype]
    assert content.input.tolist() == [[1, 2, 3], [4, 5, 16_000_000]]


@pytest.mark.parametrize(
    ("values", "kind", "datatype", "told"),
    [
        ([1.0, 2.5, 3.0], pa.float32(), "INT64", "1 of 1 rows hold fractions"),
        ([1, 2, 1 << 40], pa.int64(), "INT32", "too large"),
        ([1, 2, (1 << 40) + 1], pa.int64(), "FP32", "too large for float32"),
        ([1.0, 2.0, 3.0], pa.float64(), "FP32", "not a fixed-size list of float32"),
    ],
)
def test_nothing_is_rounded_in_silence(tmp_path: Path, values: Any, kind: Any, datatype: str, told: str) -> None:
    expected = arrow(pa.array(values, kind), 3, tmp_path / "rows.arrow")
    with pytest.raises(DataUnusable) as caught:
        read_rows(tmp_path / "rows.arrow", expected, tokens(datatype))
    assert told in caught.value.text()


def test_rows_that_are_not_finite_are_dropped_before_they_become_integers(tmp_path: Path) -> None:
    values = [float(number % 9) for number in range(60)]
    values[4] = float("nan")
    expected = arrow(pa.array(values, pa.float32()), 3, tmp_path / "rows.arrow")
    content, notes = read_rows(tmp_path / "rows.arrow", expected, tokens("INT64"))
    assert len(content) == 19
    assert "1 of 20 rows were dropped" in notes[0]


def test_entities_and_slices_are_read_where_the_file_has_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.arrow"
    columns = {"entity": ["a", None, "a"], "slice": pa.array(["x", None, "y"]).dictionary_encode()}
    expected = arrow(pa.array([1.0] * 9, pa.float32()), 3, path, **columns)
    content, _ = read_rows(path, expected, tokens("FP32"))
    assert content.entity == ("a", "r1", "a")
    assert content.slice == ("x", "", "y")
    assert content.take(np.array([2])).slice == ("y",)
    bad = arrow(pa.array([1.0] * 9, pa.float32()), 3, path, entity=pa.array([1, 2, 3]))
    with pytest.raises(DataUnusable, match="does not fit"):
        read_rows(path, bad, tokens("FP32"))


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
