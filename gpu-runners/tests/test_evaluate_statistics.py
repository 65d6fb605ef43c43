"""Intervals hold their level, paired beats unpaired, and every score is what its source says."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from sklearn.metrics import f1_score, r2_score

from ratchet_runners.evaluate.calibration import brier_score, calibration_error
from ratchet_runners.evaluate.intervals import bootstrap, mcnemar, paired_difference, wilson
from ratchet_runners.evaluate.options import EvaluationOptions
from ratchet_runners.evaluate.quality import explained_variance, macro_f1, quality_of
from ratchet_runners.evaluate.texts import bert_score
from ratchet_runners.evaluate.warping import warped_distance
from ratchet_runners.evaluate.wordpiece import WordPiece
from support_evaluate import CONTRACT_OF_BARS, contract, rows_of


def test_wilson_gives_the_published_figures():
    # Newcombe 1998 ("Two-sided confidence intervals for the single proportion"), table I: method 3.
    for successes, rows, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        assert wilson(successes, rows, 0.95) == pytest.approx((low, high), abs=5e-5)
    assert wilson(0, 0, 0.95) == (0.0, 1.0)


def pair(both, only, other, none):
    candidate = np.repeat([True, True, False, False], [both, only, other, none])
    reference = np.repeat([True, False, True, False], [both, only, other, none])
    return candidate, reference


def test_paired_differences_give_the_published_figures():
    # Newcombe 1998 ("… based on paired data"), table II, method 10: (a, b, c, d) with n = 50.
    for counts, value, low, high in (((36, 12, 2, 0), 0.20, 0.0569, 0.3404), ((20, 12, 2, 16), 0.20, 0.0562, 0.3292)):
        found = paired_difference(*pair(*counts), 0.95)
        assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=5e-4)


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_a_paired_interval_holds_its_level_and_is_narrower_for_models_that_fail_together(correlation):
    random = np.random.default_rng(3)
    covered, widths = 0, []
    for _ in range(400):
        hard = random.random(150)
        own = random.random((2, 150))
        mixed = np.where(random.random(150) < correlation, hard, own)
        one, two = mixed[0] < 0.9, mixed[1] < 0.86
        found = paired_difference(one, two, 0.95)
        covered += found.low <= 0.04 <= found.high
        widths.append(found.high - found.low)
    assert covered / 400 > 0.93
    assert np.mean(widths) < (0.17 if correlation == 0 else 0.11)


def test_mcnemar_is_the_exact_binomial_test():
    assert mcnemar(*pair(50, 0, 0, 3)) == 1.0
    assert mcnemar(*pair(50, 0, 5, 3)) == pytest.approx(2 / 32)
    assert mcnemar(*pair(50, 1, 9, 3)) == pytest.approx(2 * (1 + 10) / 1024)
    assert mcnemar(*pair(50, 4, 4, 3)) == 1.0


def test_a_bootstrap_is_seeded_covers_and_says_nothing_of_four_rows():
    random = np.random.default_rng(0)
    covered = 0
    for number in range(100):
        values = random.exponential(1.0, 80)
        found = bootstrap(lambda drawn, values=values: float(values[drawn].mean()), 80, 200, 0.95, number)
        covered += found.low <= 1.0 <= found.high
    assert covered >= 87
    again = [bootstrap(lambda drawn: float(drawn.mean()), 30, 200, 0.95, 7) for _ in range(2)]
    assert again[0] == again[1]
    assert bootstrap(lambda drawn: 1.0, 4, 200, 0.95, 7).low is None


def test_scores_are_those_of_scikit_learn():
    random = np.random.default_rng(1)
    labels, answers = random.integers(0, 5, 300).astype(float), random.integers(0, 5, 300).astype(float)
    assert macro_f1(answers, labels) == pytest.approx(f1_score(labels, answers, average="macro"))
    numbers, guesses = random.normal(size=50), random.normal(size=50)
    assert explained_variance(guesses, numbers) == pytest.approx(r2_score(numbers, guesses))


def test_calibration_by_hand():
    # Two bins of equal mass: sure and right half the time (error 0.4), unsure and always right (error 0.4).
    probabilities = np.array([[0.9, 0.1]] * 4 + [[0.6, 0.4]] * 4)
    labels = np.array([0, 0, 1, 1, 0, 0, 0, 0.0])
    assert calibration_error(probabilities, labels, 2) == pytest.approx(0.4)
    assert brier_score(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([1.0, 0.0])) == pytest.approx((2 + 0.5) / 2)


def test_a_perfectly_calibrated_model_has_hardly_any_error():
    random = np.random.default_rng(2)
    sure = random.uniform(0.5, 1, 20_000)
    labels = (random.random(20_000) > sure).astype(float)
    assert calibration_error(np.stack([sure, 1 - sure], axis=1), labels, 15) < 0.02


def brute_warping(one, two):
    """All paths, by recursion."""
    memory = {}

    def best(i, j):
        cost = abs(one[i] - two[j])
        if (i, j) == (0, 0):
            return 2 * cost
        if (i, j) not in memory:
            steps = [best(i - 1, j) + cost] if i else []
            steps += [best(i, j - 1) + cost] if j else []
            steps += [best(i - 1, j - 1) + 2 * cost] if i and j else []
            memory[i, j] = min(steps)
        return memory[i, j]

    return best(len(one) - 1, len(two) - 1) / (len(one) + len(two))


def test_warping_is_the_best_of_all_paths_and_forgives_delay():
    random = np.random.default_rng(4)
    for lengths in itertools.product((1, 4, 7), (2, 6)):
        one, two = (random.normal(size=length).astype(np.float32) for length in lengths)
        assert warped_distance(one, two, 99) == pytest.approx(brute_warping(one.tolist(), two.tolist()), rel=1e-6)
    wave = np.sin(np.arange(60) / 5).astype(np.float32)
    late = np.concatenate([wave[:1]] * 3 + [wave[:-3]]).astype(np.float32)
    assert warped_distance(wave, wave, 5) == 0
    assert warped_distance(wave, late, 5) < 0.2 * warped_distance(wave, late, 0)
    with pytest.raises(ValueError, match="same width"):
        warped_distance(np.zeros((3, 2), np.float32), np.zeros((3, 1), np.float32), 1)


def test_bert_score_by_hand_and_for_empty_texts():
    one = np.array([[1, 0], [0, 2]], np.float32)
    two = np.array([[3, 0], [1, 1], [0, -1]], np.float32)
    found = bert_score(one, two)
    half = 2**-0.5
    assert found.precision == pytest.approx((1 + half) / 2)
    assert found.recall == pytest.approx((1 + half + 0) / 3)
    assert found.f1 == pytest.approx(2 * found.precision * found.recall / (found.precision + found.recall))
    assert bert_score(one, one).f1 == pytest.approx(1)
    assert bert_score(one[:0], two).f1 == 0


def test_words_become_the_longest_known_pieces(tmp_path):
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##afford", "##able", "cafe", ",", "東"]
    words = WordPiece(pieces)
    assert words.numbers("Unaffordable, CAFÉ") == [2, 4, 5, 6, 8, 7, 3]
    assert words.numbers("東東 zebra") == [2, 9, 9, 1, 3]
    assert words.numbers("cafe " * 50, most=6) == [2, 7, 7, 7, 7, 3]
    with pytest.raises(ValueError, match=r"\[CLS\]"):
        WordPiece(["[UNK]", "[SEP]"])
    (tmp_path / "tokenizer.json").write_text(
        json.dumps({"model": {"vocab": dict(zip(pieces, range(10), strict=True))}})
    )
    assert WordPiece.read(tmp_path / "tokenizer.json").numbers("cafe") == [2, 7, 3]


def test_the_slice_that_fails_is_found_behind_a_good_mean():
    random = np.random.default_rng(6)
    labels = random.integers(0, 4, 900).astype(float)
    slices = tuple(np.where(np.arange(900) < 60, "north", np.where(np.arange(900) < 70, "tiny", "south")))
    candidate = labels.copy()
    candidate[:30] = (candidate[:30] + 1) % 4
    found = quality_of(
        candidate, labels, rows_of(np.zeros((900, 1)), labels, slices=slices), CONTRACT_OF_BARS, EvaluationOptions(), 0
    )
    assert found.metrics[0].difference.value == pytest.approx(-30 / 900)
    assert (found.worst_slice.by, found.worst_slice.name) == ("slice", "north")
    assert found.worst_slice.difference.value == pytest.approx(-0.5)
    assert found.small_slices == ("slice tiny",)
    alone = paired_difference(candidate[:60] == labels[:60], np.ones(60, np.bool_), 0.95)
    assert found.worst_slice.difference.high > alone.high  # widened for the number of slices


def test_a_regression_is_judged_by_its_errors_and_unlabelled_rows_do_not_count():
    random = np.random.default_rng(8)
    labels = random.normal(size=300)
    reference, candidate = labels + random.normal(0, 0.1, 300), labels + random.normal(0, 0.4, 300)
    labels[250:] = np.nan
    rows = rows_of(np.zeros((300, 1)), labels, replay=np.arange(300) % 2)
    found = quality_of(candidate, reference, rows, contract((1,), (1,)), EvaluationOptions(), 0)
    r2, mae = found.metrics
    assert (r2.metric, mae.metric, r2.p_value) == ("r2", "mae", None)
    assert r2.difference.rows == 250
    assert r2.difference.high < 0 < mae.difference.low
    assert found.worst_slice.by == "stratum"
    nothing = rows_of(np.zeros((3, 1)), np.full(3, np.nan))
    assert quality_of(candidate[:3], reference[:3], nothing, contract((1,), (1,)), EvaluationOptions(), 0) is None
