"""Calibration: what was seen depends on the rows alone, and ranges on what was seen."""

from __future__ import annotations

import itertools
import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from ratchet_runners.faults import DataUnusable
from ratchet_runners.quantize.calibration import observing
from ratchet_runners.quantize.calibration.calibration import Calibration, calibrate
from ratchet_runners.quantize.calibration.choosing import choose_rows
from ratchet_runners.quantize.calibration.histogram import BINS, Histogram
from ratchet_runners.quantize.calibration.observing import Observation, float_tensors
from ratchet_runners.quantize.calibration.ranges import Method, within
from ratchet_runners.quantize.calibration.searched import closest, least_divergent, squared_error
from ratchet_runners.quantize.static.config import QuantizeStatic
from support import build, images
from support_post_training import bench_of, image_case

METHODS = ("min-max", "ema", "percentile", "entropy", "mean-squared-error")


def histogram(*parts: np.ndarray) -> Histogram:
    made = Histogram()
    for part in parts:
        made.add(part.astype(np.float32))
    return made


def heavy(seed: int, count: int = 4000) -> np.ndarray:
    """Values with a heavy tail, of any magnitude, sometimes only positive."""
    random = np.random.default_rng(seed)
    values = random.standard_t(2.5, count) * 10.0 ** random.integers(-6, 7)
    return (np.abs(values) if seed % 3 == 0 else values + random.normal()).astype(np.float32)


@pytest.mark.parametrize("seed", range(12))
def test_a_streamed_histogram_is_that_of_the_whole(seed: int) -> None:
    values = heavy(seed)
    random = np.random.default_rng(seed)
    cuts = np.sort(random.integers(1, len(values), 6))
    whole, streamed = histogram(values), histogram(*np.split(random.permutation(values), cuts))
    halves = histogram(values[: len(values) // 3])
    halves.merge(histogram(values[len(values) // 3 :]))
    for other in (streamed, halves):
        assert (other.exponent, other.first) == (whole.exponent, whole.first)
        np.testing.assert_array_equal(other.counts, whole.counts)
    assert len(whole) == len(values)
    assert len(whole.counts) <= BINS
    assert whole.edges()[0] == values.min()
    assert whole.edges()[-1] == values.max()


def test_bins_stay_fine_as_ranges_grow() -> None:
    made = histogram(*(np.full(3, 10.0**power) * [-1, 0, 1] for power in range(-9, 7)))
    assert BINS // 2 < len(made.counts) <= BINS


@pytest.mark.parametrize("value", [0.0, -3.5, 1e-38, 3e38])
def test_a_constant_tensor_has_one_bin_and_its_value_as_range(value: float) -> None:
    seen = Observation(batches=[(np.inf, -np.inf)])
    seen.add(np.full(100, value, np.float32), counted=True)
    assert len(seen.histogram.counts) == 1
    for name in METHODS:
        low, high = Method(name).range_of(seen)
        assert low == pytest.approx(value)
        assert high == pytest.approx(value)


def test_values_that_are_not_finite_are_left_out_and_counted() -> None:
    seen = Observation(batches=[(np.inf, -np.inf)])
    seen.add(np.array([1, -np.inf, 2, np.nan], np.float32), counted=True)
    assert (seen.low, seen.high, seen.not_finite, len(seen.histogram)) == (1, 2, 2, 2)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("levels", [16, 256])
def test_least_squares_is_never_worse_than_minimum_to_maximum_on_its_own_objective(seed: int, levels: int) -> None:
    made = histogram(heavy(seed))
    for symmetric in (False, True):
        reach = max(abs(made.low), abs(made.high))
        whole = (-reach, reach) if symmetric else (made.low, made.high)
        low, high = found = closest(made, levels, symmetric)
        assert squared_error(made, found, levels) <= squared_error(made, whole, levels)
        assert not symmetric or low == -high


def test_least_squares_clips_a_lone_outlier_at_four_bits_and_keeps_an_even_spread() -> None:
    random = np.random.default_rng(0)
    even = random.uniform(-1, 1, 20_000)
    assert closest(histogram(np.append(even, 40.0)), 16, False)[1] < 20
    low, high = closest(histogram(even), 256, False)
    assert (low, high) == pytest.approx((-1, 1), abs=0.05)


@pytest.mark.parametrize("seed", range(6))
def test_a_larger_percentile_never_gives_a_smaller_range(seed: int) -> None:
    made = histogram(heavy(seed))
    ranges = [within(made, share) for share in (90, 99, 99.9, 99.99, 100)]
    for (low, high), (lower, higher) in itertools.pairwise(ranges):
        assert lower <= low <= high <= higher
    assert ranges[-1] == (made.low, made.high)


def test_a_percentile_leaves_out_what_it_says() -> None:
    values = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    low, high = within(histogram(values), 99)
    assert ((values < low) | (values > high)).mean() == pytest.approx(0.01, abs=0.001)


def test_entropy_keeps_what_is_even_cuts_a_long_tail_and_is_not_led_astray_by_spikes() -> None:
    random = np.random.default_rng(0)
    even = random.uniform(-1, 1, 50_000)
    assert least_divergent(histogram(even), 256, False)[1] > 0.9
    assert least_divergent(histogram(np.append(random.normal(size=50_000), 100.0)), 256, False)[1] < 20
    spiked = np.concatenate([np.maximum(random.normal(size=50_000), 0), np.full(40_000, 0.3)])
    assert least_divergent(histogram(spiked), 256, False)[1] > 2.5


def test_the_moving_average_follows_the_batches_in_their_order() -> None:
    seen = Observation()
    for low, high in ((0.0, 1.0), (-1.0, 3.0), (0.0, 2.0)):
        seen.batches.append((np.inf, -np.inf))
        seen.add(np.array([low, high], np.float32), counted=False)
    low, high = Method("ema", averaging=0.5).range_of(seen)
    assert (low, high) == (-0.25, 2.0)


def test_one_pass_serves_every_method_and_comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    model, bench = image_case(scratch=tmp_path)
    tensors = float_tensors(model, [node.name for node in model.graph.node])
    chosen = bench.split.train[:96]
    made = calibrate(model, tensors, chosen, 32, True, bench)
    (kept,) = tmp_path.iterdir()
    again = Calibration.load(kept)
    for name in ("min-max", "ema", "percentile"):
        assert made.ranges(Method(name), 4.0) == again.ranges(Method(name), 4.0)
    stamp = kept.stat().st_mtime_ns
    calibrate(model, tensors, chosen, 32, True, bench)
    assert kept.stat().st_mtime_ns == stamp
    other = calibrate(model, tensors, chosen[::-1], 32, True, bench)
    assert other.digest != made.digest
    kept.write_bytes(b"half a file")
    assert calibrate(model, tensors, chosen, 32, True, bench).ranges(Method(), 4.0) == made.ranges(Method(), 4.0)


def test_rows_are_cut_where_their_values_would_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tensor of 16 MiB a row and batches of 64 rows: a GiB, if a batch were held."""
    wide = 1 << 22
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"], name="flatten"),
        helper.make_node("MatMul", ["flat", "spread"], ["logits"], name="product"),
        helper.make_node("Expand", ["logits", "shape"], ["wide"], name="expand"),
    ]
    weights = {"spread": np.ones((64, 4), np.float32), "shape": np.array([wide // 4, 1, 4])}
    monkeypatch.setattr(observing, "BYTES_AT_ONCE", 48 << 20)
    rows = images(64, 1)[0]
    tracemalloc.start()
    seen = observing.observe(build(nodes, weights), "input", ["wide"], rows, 64, False, 1, lambda *_: None)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < 200 << 20
    assert len(seen["wide"].batches) == 1
    assert seen["wide"].high == pytest.approx(rows.reshape(64, -1).sum(axis=1).max(), rel=1e-5)


@pytest.mark.parametrize("rows", [0, 1, 31])
def test_too_few_rows_are_refused_with_both_counts(rows: int) -> None:
    bench = bench_of(images(2 * rows, 1)[0])
    with pytest.raises(DataUnusable, match=f"at least 32 rows, there are {rows}"):
        choose_rows(QuantizeStatic(), bench)


def test_masks_of_minus_infinity_and_unused_tensors_do_no_harm() -> None:
    model: onnx.ModelProto = build(
        [
            helper.make_node("Flatten", ["input"], ["flat"], name="flatten"),
            helper.make_node("MatMul", ["flat", "w"], ["plain"], name="product"),
            helper.make_node("Add", ["plain", "mask"], ["masked"], name="mask_it"),
            helper.make_node("Softmax", ["masked"], ["logits"], name="softmax"),
        ],
        {"w": np.ones((64, 4), np.float32), "mask": np.array([0, 0, 0, -np.inf], np.float32)},
    )
    seen = observing.observe(model, "input", ["masked", "plain"], images(8, 1)[0], 4, True, 1, lambda *_: None)
    assert np.isfinite([seen["masked"].low, seen["masked"].high]).all()
    assert seen["masked"].not_finite == 8
