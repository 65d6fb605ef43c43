"""Pareto plots as SVG, written by hand so that the same figures give the same file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

from tables import Line, front

WIDTH, HEIGHT, LEFT, TOP, GAP = 430, 320, 56, 36, 40
COLOURS = {"reference": "#444444", "ours": "#1f6fb4", "peer": "#d1661c"}


def plot(lines: Sequence[Line], title: str, path: Path) -> None:
    """Accuracy over bytes, and accuracy over speed; a line joins what nobody beats."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{HEIGHT + 30}" '
        f'viewBox="0 0 {2 * WIDTH} {HEIGHT + 30}" font-family="sans-serif" font-size="11">',
        f'<rect width="{2 * WIDTH}" height="{HEIGHT + 30}" fill="white"/>',
        f'<text x="{WIDTH}" y="18" text-anchor="middle" font-size="14">{escape(title)}</text>',
    ]
    worst = max(min(line.accuracy for line in lines), max(line.accuracy for line in lines) - 0.08)
    shown = [line for line in lines if line.accuracy >= worst]
    parts += _panel(shown, 0, "bytes", "bytes, logarithmic")
    parts += _panel(shown, WIDTH, "speed", "times as fast as FP32 at batch 1, logarithmic")
    for number, (group, words) in enumerate((("reference", "full precision"), ("ours", "Ratchet"), ("peer", "peers"))):
        x = LEFT + 130 * number
        parts.append(f'<circle cx="{x}" cy="{HEIGHT + 18}" r="4" fill="{COLOURS[group]}"/>')
        parts.append(f'<text x="{x + 8}" y="{HEIGHT + 22}">{words}</text>')
    left_out = len(lines) - len(shown)
    if left_out:
        words = f"not shown: {left_out} of less than {worst:.3f}"
        parts.append(f'<text x="{2 * WIDTH - 10}" y="{HEIGHT + 22}" text-anchor="end">{words}</text>')
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


def _panel(lines: Sequence[Line], start: int, kind: str, label: str) -> list[str]:
    values = [float(line.bytes) if kind == "bytes" else line.speed for line in lines]
    low, high = math.log10(min(values)) - 0.05, math.log10(max(values)) + 0.05
    bottom, top = min(line.accuracy for line in lines) - 0.002, max(line.accuracy for line in lines) + 0.002
    wide, tall = WIDTH - LEFT - 20, HEIGHT - TOP - GAP

    def place(line: Line, value: float) -> tuple[float, float]:
        across = start + LEFT + wide * (math.log10(value) - low) / (high - low)
        return round(across, 1), round(TOP + tall * (top - line.accuracy) / (top - bottom), 1)

    parts = [f'<rect x="{start + LEFT}" y="{TOP}" width="{wide}" height="{tall}" fill="none" stroke="#999999"/>']
    parts.append(f'<text x="{start + LEFT + wide / 2}" y="{HEIGHT - 8}" text-anchor="middle">{label}</text>')
    parts.append(f'<text x="{start + LEFT}" y="{TOP - 6}">accuracy on the test rows</text>')
    for accuracy in _even_ticks(bottom, top):
        y = round(TOP + tall * (top - accuracy) / (top - bottom), 1)
        parts.append(f'<line x1="{start + LEFT}" x2="{start + LEFT + wide}" y1="{y}" y2="{y}" stroke="#eeeeee"/>')
        parts.append(f'<text x="{start + LEFT - 4}" y="{y + 4:g}" text-anchor="end">{accuracy:.3f}</text>')
    for tick in _log_ticks(low, high):
        x = start + LEFT + wide * (math.log10(tick) - low) / (high - low)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP + tall}" y2="{TOP + tall + 4}" stroke="#999999"/>')
        parts.append(f'<text x="{x:.1f}" y="{TOP + tall + 16}" text-anchor="middle">{_short(tick)}</text>')
    best = front(lines, "bytes" if kind == "bytes" else "time")
    edge = sorted(place(line, value) for line, value in zip(lines, values, strict=True) if line.name in best)
    joined = " ".join(f"{x},{y}" for x, y in edge)
    parts.append(f'<polyline points="{joined}" fill="none" stroke="#bbbbbb" stroke-dasharray="4 3"/>')
    for line, value in zip(lines, values, strict=True):
        x, y = place(line, value)
        parts.append(
            f'<circle cx="{x}" cy="{y}" r="{5 if line.name in best else 3}" fill="{COLOURS[line.group]}" '
            f'fill-opacity="0.8"><title>{escape(line.name)}</title></circle>'
        )
    return parts + _names(lines, values, best, place)


def _names(lines: Sequence[Line], values: Sequence[float], best: set[str], place: object) -> list[str]:
    """Names of what nobody beats, those that would lie on another moved down."""
    taken: list[tuple[float, float]] = []
    parts: list[str] = []
    for line, value in sorted(zip(lines, values, strict=True), key=lambda pair: -pair[0].accuracy):
        if line.name not in best:
            continue
        x, y = place(line, value)  # type: ignore[operator]
        while any(abs(y - other) < 11 and abs(x - across) < 130 for across, other in taken):
            y += 11
        taken.append((x, y))
        left = x % WIDTH > WIDTH - 150
        anchor = f'text-anchor="end" x="{x - 7}"' if left else f'x="{x + 7}"'
        halo = 'paint-order="stroke" stroke="white" stroke-width="3"'  # dots lie behind names
        parts.append(f'<text {anchor} y="{y + 4:.1f}" font-size="10" {halo}>{escape(line.name)}</text>')
    return parts


def _even_ticks(low: float, high: float) -> list[float]:
    """Round numbers in equal steps, four to nine of them."""
    step = next(size for size in _round_numbers((1, 2, 5)) if (high - low) / size < 9)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Round numbers between two powers of ten, as few as tell where one is; in equal steps where those are near."""
    for factors in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        ticks = [tick for tick in _round_numbers(factors) if low <= math.log10(tick) <= high]
        if len(ticks) >= 4:
            return ticks
    return _even_ticks(10**low, 10**high)


def _round_numbers(factors: Sequence[float]) -> list[float]:
    return [factor * 10.0**power for power in range(-4, 10) for factor in factors]


def _short(value: float) -> str:
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g} {letter}"
    return f"{value:.3g}"
