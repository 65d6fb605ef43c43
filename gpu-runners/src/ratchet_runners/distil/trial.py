"""Whether a teacher knows what it is about to teach. A wrong teacher is how distillation without labels fails.

Pure: answers go in, a verdict comes out. Error rates are stated in ADR 0040 and held by simulation in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ratchet_runners.data.rows import Doubles
from ratchet_runners.distil.bounds import LEVEL, chance_of_at_least, lower_bound

#: Fresh labelled rows with which labels alone decide.
ENOUGH_LABELS = 30
#: Rows of a kind that the trial without labels needs.
ENOUGH_ROWS = 50
#: Agreement beyond chance (Cohen's kappa, lower bound) with what is known of older rows.
LEAST_KAPPA = 0.5
#: The same with the reference on fresh rows, where there are no older ones to compare with.
LEAST_KAPPA_ALONE = 0.4
#: Share of fresh rows that may lie where only a twentieth of older rows lay by energy.
LARGEST_STRANGE_SHARE = 0.6
#: Kinds of answers on fresh rows, as a share of those on older rows: below it the answers have collapsed.
LEAST_VARIETY = 0.5


@dataclass(frozen=True)
class Evidence:
    """Answers as rows of logits; labels are NaN where unknown. `source` is the model that served until now."""

    fresh: Doubles
    older: Doubles
    source_fresh: Doubles
    source_older: Doubles
    fresh_labels: Doubles
    older_labels: Doubles


@dataclass(frozen=True)
class Verdict:
    #: Why the teacher must not teach, each a sentence; empty when it may.
    reasons: tuple[str, ...] = ()
    figures: dict[str, float | None] = field(default_factory=dict[str, float | None])


def tried_with_labels(answers: Doubles, source: Doubles, labels: Doubles, floor: float) -> Verdict:
    """The teacher's class on held-out fresh rows against their labels; all three are numbers of classes.

    It must be proven above `floor` (exact lower bound), and not be proven worse than the source (exact sign test on the
    rows where just one of them is right), each at the 5 % level.
    """
    right, before = answers == labels, source == labels
    rows, hits = len(labels), int(right.sum())
    bound = lower_bound(hits, rows)
    figures: dict[str, float | None] = {
        "teacherRows": float(rows),
        "teacherAccuracy": hits / rows,
        "teacherAccuracyLowerBound": bound,
        "teacherAccuracyBefore": float(before.mean()),
    }
    reasons: list[str] = []
    only_before, only_now = int((before & ~right).sum()), int((right & ~before).sum())
    if only_before and chance_of_at_least(only_before, only_before + only_now, 0.5) < LEVEL:
        reasons.append(
            f"the teacher is out of its depth: it is right on {hits / rows:.4f} of {rows} held-out fresh rows, the old "
            f"reference on {float(before.mean()):.4f}"
        )
    if bound < floor:
        reasons.append(
            f"the teacher is out of its depth: it is right on {hits / rows:.4f} of {rows} held-out fresh rows, which "
            f"proves no more than {bound:.4f}; at least {floor:.4f} is asked for"
        )
    return Verdict(tuple(reasons), figures)


def tried_without_labels(evidence: Evidence, largest_loss: float) -> Verdict:
    """What can be known of a classifier without labels on fresh rows.

    1. It knows older rows: beyond chance it agrees with their labels or, where there are none, with the source.
    2. It is about as sure as on older rows: the accuracy expected from its entropy (average thresholded confidence,
       Garg and others 2022) falls by at most `largest_loss`; its energy (Liu and others 2020) is mostly a usual one.
    3. Its answers have not collapsed into a few classes.
    """
    if len(evidence.older) < ENOUGH_ROWS:
        return _tried_alone(evidence)
    known = np.isfinite(evidence.older_labels)
    truth = np.where(known, evidence.older_labels, evidence.source_older.argmax(axis=1))
    now, then = evidence.fresh.argmax(axis=1), evidence.older.argmax(axis=1)
    accuracy = float((then == truth).mean())
    kappa = kappa_bound(then, truth)
    expected = expected_accuracy(evidence.fresh, evidence.older, accuracy)
    strange = strange_share(evidence.fresh, evidence.older)
    variety = kinds(now) / kinds(then)
    figures: dict[str, float | None] = {
        "teacherOlderRows": float(len(evidence.older)),
        "teacherOlderAccuracy": accuracy,
        "teacherOlderKappa": kappa,
        "teacherExpectedAccuracy": expected,
        "teacherStrangeShare": strange,
        "teacherVariety": variety,
    }
    reasons: list[str] = []
    if kappa < LEAST_KAPPA:
        reasons.append(
            f"the teacher is out of its depth: on {len(then)} older rows it agrees with what is known by a kappa of "
            f"{kappa:.2f} (lower bound), at least {LEAST_KAPPA} is asked for"
        )
        return Verdict(tuple(reasons), figures)  # how sure it is means nothing when it is wrong
    if accuracy - expected > largest_loss:
        reasons.append(
            f"the teacher is out of its depth: going by its confidence it is right on {expected:.4f} of fresh rows, "
            f"on older rows {accuracy:.4f}; it may lose {largest_loss:.2f}"
        )
    if strange > LARGEST_STRANGE_SHARE:
        reasons.append(
            f"the teacher is out of its depth: {strange:.0%} of the fresh rows have an energy that 5% of the older "
            f"ones have"
        )
    if variety < LEAST_VARIETY:
        reasons.append(
            f"the teacher is out of its depth: its answers on fresh rows have {variety:.0%} of the variety of those on "
            f"older rows"
        )
    return Verdict(tuple(reasons), figures)


def _tried_alone(evidence: Evidence) -> Verdict:
    """Without older rows nothing tells how sure the teacher ought to be: it may only refine what the source knows."""
    kappa = kappa_bound(evidence.fresh.argmax(axis=1), evidence.source_fresh.argmax(axis=1))
    figures: dict[str, float | None] = {"teacherKappa": kappa}
    if kappa >= LEAST_KAPPA_ALONE:
        return Verdict((), figures)
    return Verdict(
        (
            f"the teacher cannot prove itself: there are {len(evidence.older)} older rows ({ENOUGH_ROWS} are needed) "
            f"and too few labels, and it agrees with the reference by a kappa of {kappa:.2f} only; send replay rows or "
            f"{ENOUGH_LABELS} labels for selection",
        ),
        figures,
    )


def kappa_bound(one: Doubles, other: Doubles) -> float:
    """Lower bound of Cohen's kappa: agreement beyond what the two distributions of answers give by chance."""
    if not len(one):
        return 0.0
    classes = int(max(one.max(), other.max())) + 1
    shares = [np.bincount(each.astype(np.intp), minlength=classes) / len(each) for each in (one, other)]
    by_chance = float((shares[0] * shares[1]).sum())
    if by_chance > 1 - 1e-9:
        return 0.0  # both always say the same one thing, which proves nothing
    return (lower_bound(int((one == other).sum()), len(one)) - by_chance) / (1 - by_chance)


def expected_accuracy(fresh: Doubles, older: Doubles, accuracy: float) -> float:
    """Share of fresh rows as sure as the `accuracy` surest of the older ones, by negative entropy (Garg and others
    2022, "Leveraging unlabeled data to predict out-of-distribution performance"). An accuracy of one is taken as 0.99:
    a single odd row must not set the threshold.
    """
    threshold = float(np.quantile(_certainty(older), 1 - min(accuracy, 0.99)))
    return min(accuracy, float((_certainty(fresh) >= threshold).mean()))


def strange_share(fresh: Doubles, older: Doubles) -> float:
    """Share of fresh rows with an energy above the 95 % quantile of older rows (Liu and others 2020, "Energy-based
    out-of-distribution detection", with temperature 1).
    """
    return float((_energy(fresh) > np.quantile(_energy(older), 0.95)).mean())


def kinds(answers: Doubles) -> float:
    """Effective number of classes: the exponential of the entropy of their shares."""
    shares = np.unique(answers, return_counts=True)[1] / max(1, len(answers))
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _energy(logits: Doubles) -> Doubles:
    top = logits.max(axis=1, keepdims=True)
    return -(top[:, 0] + np.log(np.exp(logits - top).sum(axis=1)))


def _certainty(logits: Doubles) -> Doubles:
    logarithm = logits + _energy(logits)[:, None]
    return (np.exp(logarithm) * logarithm).sum(axis=1)
