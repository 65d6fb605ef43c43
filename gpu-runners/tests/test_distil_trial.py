"""A teacher that is out of its depth is refused, a good one taken: error rates by simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ratchet_runners.distil.bounds import chance_of_at_least, lower_bound, upper_bound
from ratchet_runners.distil.trial import (
    Evidence,
    expected_accuracy,
    kappa_bound,
    tried_with_labels,
    tried_without_labels,
)
from ratchet_runners.distil.trial_regression import tried_on_numbers

CLASSES, FRESH, OLDER, RUNS = 10, 600, 300, 150


def logits(random: np.random.Generator, truth: np.ndarray, signal: float) -> np.ndarray:
    """Answers of a classifier that is right the more often the stronger the signal, and sure accordingly."""
    return random.normal(0, 1, (len(truth), CLASSES)) * 1.5 + signal * np.eye(CLASSES)[truth]


def evidence(random: np.random.Generator, spoil: Callable[..., np.ndarray], signal: float = 6.5) -> Evidence:
    fresh, older = random.integers(0, CLASSES, FRESH), random.integers(0, CLASSES, OLDER)
    return Evidence(
        fresh=spoil(random, logits(random, fresh, signal)),
        older=spoil(random, logits(random, older, 7.0)),
        source_fresh=logits(random, fresh, 1.0),
        source_older=logits(random, older, 7.0),
        fresh_labels=np.full(FRESH, np.nan),
        older_labels=np.full(OLDER, np.nan),
    )


def good(random: np.random.Generator, answers: np.ndarray) -> np.ndarray:
    return answers


BAD: dict[str, Callable[..., np.ndarray]] = {
    "shuffled rows": lambda random, answers: random.permutation(answers),
    "shuffled classes": lambda random, answers: np.roll(answers, 3, axis=1),
    "uniform": lambda random, answers: np.zeros_like(answers) + 1e-3 * random.normal(size=answers.shape),
    "confidently constant": lambda random, answers: answers + 50 * np.eye(CLASSES)[2],
}


def share_accepted(spoil: Callable[..., np.ndarray], signal: float = 6.5) -> float:
    taken = [
        not tried_without_labels(evidence(np.random.default_rng(run), spoil, signal), 0.2).reasons
        for run in range(RUNS)
    ]
    return float(np.mean(taken))


@pytest.mark.parametrize("kind", list(BAD))
def test_a_bad_teacher_is_never_taken(kind: str) -> None:
    assert share_accepted(BAD[kind]) == 0.0


def test_a_good_teacher_is_taken_although_the_world_has_drifted() -> None:
    assert share_accepted(good, 6.5) >= 0.98


def test_a_teacher_that_guesses_on_what_is_new_is_refused() -> None:
    """The same model as in the test above, but for fresh rows that it can hardly tell apart."""
    assert share_accepted(good, 2.0) == 0.0


def test_answers_that_collapse_on_fresh_rows_alone_are_refused() -> None:
    random = np.random.default_rng(0)
    whole = evidence(random, good)
    collapsed = whole.fresh + 12 * np.eye(CLASSES)[np.zeros(FRESH, int)]
    reasons = tried_without_labels(
        Evidence(
            collapsed, whole.older, whole.source_fresh, whole.source_older, whole.fresh_labels, whole.older_labels
        ),
        0.2,
    ).reasons
    assert any("variety" in reason for reason in reasons)


def test_without_older_rows_a_teacher_must_agree_with_the_reference() -> None:
    random = np.random.default_rng(1)
    truth, none = random.integers(0, CLASSES, FRESH), np.zeros((0, CLASSES))
    unknown = np.full(FRESH, np.nan)
    teacher, nothing = logits(random, truth, 7.0), np.zeros(0)
    agreeing = Evidence(teacher, none, logits(random, truth, 6.0), none, unknown, nothing)
    strange = Evidence(teacher, none, logits(random, truth, 0.5), none, unknown, nothing)
    assert tried_without_labels(agreeing, 0.2).reasons == ()
    assert "replay" in tried_without_labels(strange, 0.2).reasons[0]


def test_labels_prove_with_stated_error_rates() -> None:
    """At chance accepted, and as good as the reference refused: each in at most one of twenty samples."""
    random = np.random.default_rng(2)
    accepted = refused = 0
    runs = 300
    for _ in range(runs):
        labels = random.integers(0, CLASSES, 60).astype(float)
        at_floor = np.where(random.random(60) < 0.15, labels, (labels + 1) % CLASSES)
        never = (labels + 2) % CLASSES
        accepted += not tried_with_labels(at_floor, never, labels, 0.15).reasons
        one, other = (np.where(random.random(60) < 0.9, labels, (labels + 1) % CLASSES) for _ in range(2))
        refused += bool(tried_with_labels(one, other, labels, 0.15).reasons)
    slack = 3 * np.sqrt(0.05 * 0.95 / runs)
    assert accepted / runs <= 0.05 + slack
    assert refused / runs <= 0.05 + slack


def test_a_teacher_that_labels_prove_worse_is_refused() -> None:
    random = np.random.default_rng(3)
    labels = random.integers(0, CLASSES, 120).astype(float)
    worse = np.where(random.random(120) < 0.7, labels, (labels + 1) % CLASSES)
    assert "old reference" in tried_with_labels(worse, labels, labels, 0.15).reasons[0]


def test_the_expected_accuracy_follows_the_true_one() -> None:
    """Average thresholded confidence on answers whose confidence means something."""
    random = np.random.default_rng(4)
    older = random.integers(0, CLASSES, 2000)
    known = logits(random, older, 5.0)
    accuracy = float((known.argmax(axis=1) == older).mean())
    for signal in (4.5, 4.0, 3.5):
        fresh = random.integers(0, CLASSES, 2000)
        answers = logits(random, fresh, signal)
        true = float((answers.argmax(axis=1) == fresh).mean())
        assert abs(expected_accuracy(answers, known, accuracy) - true) < 0.08


def test_kappa_is_agreement_beyond_chance() -> None:
    random = np.random.default_rng(5)
    one = random.integers(0, 4, 400)
    assert kappa_bound(one, one) > 0.98
    assert kappa_bound(one, random.permutation(one)) < 0.1
    assert kappa_bound(np.zeros(400, int), np.zeros(400, int)) == 0.0


@pytest.mark.parametrize("share", [0.1, 0.5, 0.93])
def test_bounds_hold_in_nineteen_of_twenty_samples(share: float) -> None:
    hits = np.random.default_rng(6).binomial(80, share, 1500)
    bounds = {count: lower_bound(count, 80) for count in set(hits.tolist())}
    assert np.mean([bounds[count] > share for count in hits.tolist()]) <= 0.05 + 0.01


def test_bounds_at_the_edges() -> None:
    assert lower_bound(0, 10) == 0.0
    assert upper_bound(10, 10) == 1.0
    assert lower_bound(10, 10) == pytest.approx(0.05 ** (1 / 10), abs=1e-6)
    assert chance_of_at_least(1, 3, 0.5) == pytest.approx(7 / 8)


def test_a_teacher_of_numbers_must_explain_what_is_known_and_stay_near_it() -> None:
    random = np.random.default_rng(7)
    truth, fresh = random.normal(0, 1, 300), random.normal(0.3, 1, 300)
    unknown = np.full(300, np.nan)

    def tried(older: np.ndarray, given: np.ndarray) -> tuple[str, ...]:
        return tried_on_numbers(
            Evidence(given[:, None], older[:, None], given[:, None], truth[:, None], unknown, truth)
        ).reasons

    assert tried(truth + random.normal(0, 0.2, 300), fresh) == ()
    assert "explains" in tried(random.permutation(truth), fresh)[0]
    assert "spread" in tried(truth, np.full(300, 0.3))[0]
    assert "outside" in tried(truth, fresh * 8)[0]
