"""The trial of a teacher that answers with a number: there is no confidence to ask."""

from __future__ import annotations

import numpy as np

from ratchet_runners.distil.trial import ENOUGH_ROWS, Evidence, Verdict

#: Share of the variance of what is known of older rows that the teacher must explain.
LEAST_EXPLAINED = 0.5
#: Spread of answers on fresh rows against those on older ones.
LEAST_SPREAD = 0.2
#: Share of fresh answers outside of what older answers reach, widened by half of their range on either side.
LARGEST_OUTSIDE = 0.1


def tried_on_numbers(evidence: Evidence) -> Verdict:
    """It explains older labels (or, where there are none, the source's answers), does not give one number for all fresh
    rows, and stays near the range of its older answers.
    """
    older, fresh = evidence.older[:, 0], evidence.fresh[:, 0]
    if len(older) >= ENOUGH_ROWS:
        known = np.isfinite(evidence.older_labels)
        truth, given, where = np.where(known, evidence.older_labels, evidence.source_older[:, 0]), older, "older"
    else:
        truth, given, where = evidence.source_fresh[:, 0], fresh, "fresh"
    variance = float(np.var(truth))
    explained = 1 - float(np.mean((given - truth) ** 2)) / variance if variance > 0 else 0.0
    low, high = float(given.min(initial=0.0)), float(given.max(initial=0.0))
    outside = float(((fresh < low - (high - low) / 2) | (fresh > high + (high - low) / 2)).mean())
    spread = float(np.std(fresh)) / max(1e-12, float(np.std(given)))
    figures: dict[str, float | None] = {
        "teacherOlderRows": float(len(older)),
        "teacherExplained": explained,
        "teacherSpread": spread,
        "teacherOutside": outside,
    }
    reasons: list[str] = []
    if explained < LEAST_EXPLAINED:
        reasons.append(
            f"the teacher is out of its depth: it explains {explained:.2f} of what is known of {where} rows, at least "
            f"{LEAST_EXPLAINED} is asked for"
        )
    elif spread < LEAST_SPREAD:
        reasons.append(f"the teacher is out of its depth: its answers on fresh rows have {spread:.0%} of their spread")
    elif outside > LARGEST_OUTSIDE:
        reasons.append(
            f"the teacher is out of its depth: {outside:.0%} of its answers on fresh rows lie far outside of what it "
            f"answered before"
        )
    return Verdict(tuple(reasons), figures)
