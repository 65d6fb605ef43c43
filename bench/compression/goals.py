"""The goals that the bench is held to, and comparisons of techniques that should help; each told as it came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tables import Line

#: Recipes without training.
POST_TRAINING = ("static", "dynamic", "weights", "codebook", "half", "mixed", "smooth", "equalise", "embeddings")


@dataclass(frozen=True)
class Goal:
    words: str
    reached: bool
    figure: str


def goals_of(tables: Mapping[str, Sequence[Line]], more: Sequence[dict[str, Any]]) -> list[Goal]:
    goals: list[Goal] = []
    for name, lines in tables.items():
        ours = [line for line in lines if line.group == "ours"]
        if name != "small":
            goals.append(_best(f"{name}: bytes ≤ 1/8 at ≤ 1 point of loss", _within(ours, 1.0), "size", 1 / 8))
        if name in ("cnn", "encoder"):
            plain = [line for line in ours if line.name.startswith(POST_TRAINING)]
            goals.append(
                _best(
                    f"{name}: bytes ≤ 1/4 by post-training alone, ≤ 1 point of loss", _within(plain, 1.0), "size", 1 / 4
                )
            )
            goals.append(_best(f"{name}: ≥ 3 times as fast, ≤ 1 point of loss", _within(ours, 1.0), "speed", 3.0))
        goals += [_beaten(name, peer, ours) for peer in lines if peer.group == "peer"]
    if "small" in tables:
        goals += _four_bits({line.name: line for line in tables["small"]})
    return [*goals, *(Goal(**goal) for goal in more)]


def _within(lines: Sequence[Line], points: float) -> list[Line]:
    return [line for line in lines if 100 * line.loss <= points]


def _best(words: str, lines: Sequence[Line], kind: str, wanted: float) -> Goal:
    if not lines:
        return Goal(words, False, "no model keeps to the loss")
    if kind == "size":
        line = min(lines, key=lambda each: each.size)
        return Goal(words, line.size <= wanted, f"1/{1 / line.size:.1f}: {line.name}, {100 * line.loss:+.2f} points")
    line = max(lines, key=lambda each: each.speed)
    return Goal(words, line.speed >= wanted, f"{line.speed:.2f}: {line.name}, {100 * line.loss:+.2f} points")


def _beaten(family: str, peer: Line, ours: Sequence[Line]) -> Goal:
    """At the peer's bytes, one of ours is at least as accurate. A hundredth more is the same size: names take that."""
    words = f"{family}: at the size of {peer.name} no lower accuracy"
    small = [line for line in ours if line.bytes <= 1.01 * peer.bytes]
    if not small:
        return Goal(words, False, f"nothing of ours is as small as {peer.bytes:,} bytes")
    line = max(small, key=lambda each: each.accuracy)
    alike = peer.accuracy <= line.high and line.accuracy >= peer.low
    chance = "; each lies in the other's interval" if alike and line.accuracy < peer.accuracy else ""
    return Goal(
        words,
        line.accuracy >= peer.accuracy,
        f"{line.accuracy:.4f} ({line.name}, {line.bytes:,} bytes) against {peer.accuracy:.4f} ({peer.bytes:,}){chance}",
    )


def _four_bits(lines: Mapping[str, Line]) -> list[Goal]:
    after, trained = lines.get("static-w4-per-tensor"), lines.get("aware-w4-per-tensor")
    if after is None or trained is None:
        return []
    return [
        Goal(
            "small: four bits a weight, one scale a tensor, are ruinous after training and ≥ .93 with training",
            trained.accuracy >= 0.93,
            f"{after.accuracy:.4f} → {trained.accuracy:.4f} in {trained.seconds:.0f} s",
        )
    ]


#: Two recipes of one family, and what the second should show to be good for.
PAIRS = (
    ("pipeline-50", "joint-50", "joint against pipeline"),
    ("aware-w4-per-tensor", "aware-w4-compensated", "gradient compensation of one strength"),
    ("aware-w4-per-tensor", "aware-w4-adaptive", "adaptive gradient compensation"),
    ("aware-w4-per-tensor", "aware-w4-progressive", "progressive widths 8 → 4"),
    ("aware-w4-direct", "aware-w4-progressive", "progressive widths 8 → 4"),
    ("static", "static-smooth", "smoothing"),
    ("static", "static-equalised", "cross-layer equalisation"),
    ("static-w4", "static-w4-adaround", "AdaRound"),
    ("static-w4", "static-w4-bias", "bias correction"),
    ("weights-int4-nearest", "weights-int4-gptq", "GPTQ"),
    ("prune-50-l1", "prune-50", "Taylor importance against L1"),
    ("prune-50", "distil-features", "two epochs more, with features"),
    ("prune-50", "distil-attention", "two epochs more, with attention"),
    ("prune-50", "distil-relations", "two epochs more, with relations"),
)
#: 97.5 % quantiles of Student's t by degrees of freedom.
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571}


def comparisons(family: str, lines: Sequence[Line], repeated: Mapping[str, Mapping[int, float]]) -> list[str]:
    """Sentences. `repeated` holds accuracies by recipe and seed: where both of a pair have them, they decide by the
    interval of the paired difference over seeds; one run alone decides by whether the intervals over rows lie apart.
    """
    by_name = {line.name: line for line in lines}
    made: list[str] = []
    for without, with_it, words in PAIRS:
        one, other = by_name.get(without), by_name.get(with_it)
        if one is None or other is None:
            continue
        kept = f"{other.bytes / one.bytes:.2f} of the bytes, {other.speed / one.speed:.2f} of the speed"
        several = repeated.get(without, {}), repeated.get(with_it, {})
        pairs = [(several[0][seed], several[1][seed]) for seed in sorted(several[0].keys() & several[1].keys())]
        if len(pairs) > 1:
            made.append(f"{words} ({family}, {len(pairs)} seeds): {_over_seeds(pairs)}; {kept}")
            continue
        gain = other.accuracy - one.accuracy
        verdict = _verdict(other.low - one.high, other.high - one.low)
        made.append(
            f"{words} ({family}, one run): {one.accuracy:.4f} → {other.accuracy:.4f} ({100 * gain:+.2f} points): {verdict}; {kept}"
        )
    return made


def _over_seeds(pairs: Sequence[tuple[float, float]]) -> str:
    gains = np.array([other - one for one, other in pairs])
    mean, half = float(gains.mean()), STUDENT[len(gains) - 1] * float(gains.std(ddof=1)) / len(gains) ** 0.5
    before, after = (float(np.mean(values)) for values in zip(*pairs, strict=True))
    return (
        f"{before:.4f} → {after:.4f} ({100 * mean:+.2f} points, 95 % {100 * (mean - half):+.2f} to {100 * (mean + half):+.2f}): "
        f"{_verdict(mean - half, mean + half)}"
    )


def _verdict(low: float, high: float) -> str:
    return "helps" if low > 0 else "harms" if high < 0 else "no clear difference"
