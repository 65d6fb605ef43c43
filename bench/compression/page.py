"""RESULTS.md and the plots."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from goals import Goal, comparisons, goals_of
from jobs import Result
from plots import plot
from tables import Line, lines_of, table

TITLES = {
    "cnn": "Residual CNN on MNIST",
    "encoder": "Transformer encoder on mail text (SpamAssassin)",
    "gru": "Recurrent network on Japanese Vowels",
    "small": "Depthwise-separable CNN of some ten thousand weights on MNIST",
}


@dataclass(frozen=True)
class Found:
    """What came of a family: every recipe and peer, their evaluations, and accuracies by recipe and seed."""

    results: Sequence[Result]
    judged: dict[str, Any]
    repeated: Mapping[str, Mapping[int, float]]


def write_pages(
    found: Mapping[str, Found],
    drift: dict[str, Any] | None,
    more: Sequence[dict[str, Any]],
    options: Any,
    sittings: Sequence[float],
) -> None:
    """Prints everything; writes it only after a full run, so that a quick one never replaces real figures."""
    tables = {name: lines_of(each.results, each.judged) for name, each in found.items()}
    goals = goals_of(tables, [*(drift["goals"] if drift else []), *more])
    page = _page(found, tables, goals, drift, options, sittings)
    print(page)
    folder = options.folder / "results" if options.quick else options.results
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "RESULTS.md").write_text(page, encoding="utf-8")
    for name, lines in tables.items():
        plot(lines, TITLES[name], folder / f"{name}.svg")
    print(f"written to {os.path.relpath(folder)}")


def _page(
    found: Mapping[str, Found],
    tables: Mapping[str, Sequence[Line]],
    goals: Sequence[Goal],
    drift: dict[str, Any] | None,
    options: Any,
    sittings: Sequence[float],
) -> str:
    parts = [
        "# Compression",
        "Written by `npm run bench:compression`" + (" `-- --quick`." if options.quick else "."),
        "Latency is of ONNX Runtime with one thread, all models of a family interleaved call by call on the same rows. "
        "Our recipes and the peers get the same unlabelled traffic (NNCF's accuracy control gets labels too, because it asks "
        "for them); base models, traffic and test rows are disjoint. Speed is the median over rounds of the ratio within a round. "
        "PGD attacks the full-precision model; noise is in spreads of a feature. Intervals are of 95 %.",
        f"{_machine(options)} {_worked(sittings)}",
        "GPU: not run (none was at hand).",
        "## Goals",
        "| goal | reached | figure |\n| --- | --- | --- |\n"
        + "\n".join(f"| {goal.words} | {'yes' if goal.reached else '**no**'} | {goal.figure} |" for goal in goals),
    ]
    for name, lines in tables.items():
        results, judged = found[name].results, found[name].judged
        parts += [f"## {TITLES[name]}", table(lines), f"![Pareto plot]({name}.svg)"]
        missing = [(result.name, result.note) for result in results if result.model is None]
        missing += list(judged["broken"].items())
        if missing:
            parts.append("Without a model: " + "; ".join(f"{model} ({_short(why)})" for model, why in missing) + ".")
        versus = comparisons(name, lines, found[name].repeated)
        if versus:
            parts.append("\n".join(f"- {line}" for line in versus))
    if drift is not None:
        parts += ["## Incremental distillation under drift", drift["page"]]
    return "\n\n".join(parts) + "\n"


def _worked(sittings: Sequence[float]) -> str:
    minutes = [f"{seconds / 60:.0f}" for seconds in sittings if seconds >= 30]
    return f"The bench worked {' and '.join(minutes) or '0'} min" + (
        f", in {len(minutes)} sittings: the first from nothing, later ones did what had changed since."
        if minutes[1:]
        else "."
    )


def _short(text: str) -> str:
    return text.replace("\n", " ").replace("|", "/")[:220]


def _machine(options: Any) -> str:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("onnxruntime", "onnx", "torch", "numpy"))
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    return f"{model}, {os.cpu_count()} processors, jobs with {options.threads} threads; Python {platform.python_version()}, {versions}."


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
