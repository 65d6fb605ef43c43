"""Turns evaluations into a page of tables and into one plot a family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobs import Result


@dataclass(frozen=True)
class Line:
    """One model in figures. Ratios are of the full-precision model: bytes below one are smaller, speed above one faster."""

    name: str
    group: str
    bytes: int
    size: float
    accuracy: float
    low: float
    high: float
    loss: float
    agreement: float
    speed: float
    speed_low: float
    speed_high: float
    speed_batch: float
    noise: float | None
    attacked: float | None
    seconds: float
    digest: str


def lines_of(results: Sequence[Result], judged: dict[str, Any]) -> list[Line]:
    """The full-precision model first, then ours, then the peers, each group by size."""
    by_name = {result.name: result for result in results}
    made = [_line(name, by_name.get(name), evaluation) for name, evaluation in judged["evaluations"].items()]
    order = {"reference": 0, "ours": 1, "peer": 2}
    return sorted(made, key=lambda line: (order[line.group], line.bytes, line.name))


def _line(name: str, result: Result | None, evaluation: dict[str, Any]) -> Line:
    quality = evaluation["quality"]
    latency = {figures["batch"]: figures["ratio"] for figures in evaluation["latency"]}
    sizes = evaluation["candidate"], evaluation["reference"]
    figures = quality["metrics"][0]
    accuracy = figures["candidate"]
    return Line(
        name=name,
        group="reference" if result is None else result.group,
        bytes=sizes[0]["bytes"],
        size=sizes[0]["bytes"] / sizes[1]["bytes"],
        accuracy=accuracy["value"],
        low=accuracy["low"],
        high=accuracy["high"],
        loss=figures["reference"]["value"] - accuracy["value"],
        agreement=evaluation["fidelity"]["agreement"]["value"],
        speed=1 / latency[1]["value"],
        speed_low=1 / latency[1]["high"],
        speed_high=1 / latency[1]["low"],
        speed_batch=1 / latency[8]["value"],
        noise=_robust(evaluation, "noise"),
        attacked=_robust(evaluation, "pgd"),
        seconds=0.0 if result is None else result.seconds,
        digest=sizes[0]["digest"],
    )


def _robust(evaluation: dict[str, Any], kind: str) -> float | None:
    found = [each["figures"]["candidate"]["value"] for each in evaluation["robustness"] if each["kind"] == kind]
    return min(found) if found else None


def table(lines: Sequence[Line]) -> str:
    """Markdown."""
    head = (
        "| model | bytes | of FP32 | accuracy (95 %) | loss, points | agreement | speed, batch 1 (95 %) | batch 8 | noise .3 "
        "| PGD .15 | made in |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    return "\n".join([head, *(_row(line) for line in lines)])


def _row(line: Line) -> str:
    cells = [
        f"{'**' if line.group == 'ours' else ''}{line.name}{'**' if line.group == 'ours' else ''}",
        f"{line.bytes:,}",
        f"1/{1 / line.size:.1f}",
        f"{line.accuracy:.4f} ({line.low:.4f}–{line.high:.4f})",
        f"{100 * line.loss:+.2f}",
        f"{line.agreement:.4f}",
        f"{line.speed:.2f} ({line.speed_low:.2f}–{line.speed_high:.2f})",
        f"{line.speed_batch:.2f}",
        "–" if line.noise is None else f"{line.noise:.3f}",
        "–" if line.attacked is None else f"{line.attacked:.3f}",
        f"{line.seconds:.0f} s",
    ]
    return "| " + " | ".join(cells) + " |"


def front(lines: Sequence[Line], cost: str) -> set[str]:
    """Names that no other beats in accuracy without costing more (`bytes`, or time by `speed`)."""

    def price(line: Line) -> float:
        return line.bytes if cost == "bytes" else 1 / line.speed

    return {
        line.name
        for line in lines
        if not any(
            price(other) <= price(line)
            and other.accuracy >= line.accuracy
            and (price(other), -other.accuracy) != (price(line), -line.accuracy)
            for other in lines
        )
    }
