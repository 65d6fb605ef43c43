"""What serves is shown another world: distillation on a sample of it, beside training everything anew.

The student is the small network of this bench. The world turns every digit by up to 30 degrees and adds noise. The teacher is
a larger network that has seen such digits; it stands for the reference that a team keeps. Four ways to go on:

- distillation on 4,000 fresh rows without labels and 2,000 older ones (a job of the runner);
- `incremental-distillation`, which trains its own teacher on the labels of the same rows (a job of the runner);
- full retraining: the recipe that made the base model, on its rows and the fresh ones with their labels, from the beginning;
- the same from the beginning on nothing but the 6,000 rows that the jobs had.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from data import DataSet
from families import accuracy, export, train
from jobs import artifact, compress_document, contract_of, run_job, save_rows
from networks import ResidualNetwork, SmallNetwork
from recipes import step

from ratchet_runners.documents.job import ModelContract
from ratchet_runners.model.scoring import predictions, score

FRESH, REPLAY, TEST = 4_000, 2_000, 3_000
DEGREES, NOISE = 30.0, 0.25
#: How often the two ways whose times are compared are gone.
ROUNDS = 3
#: Few steps at a high rate, chosen by trying ten settings: the technique's defaults take three times as long for as much.
DISTIL = step("distil", epochs=3, batchSize=64, learningRate=0.015, replayShare=0.33, patience=9)


@dataclass(frozen=True)
class Way:
    name: str
    rows: int
    labels: int
    seconds: float
    drift: float
    clean: float
    note: str = ""


def incremental(folder: Path, options: Any) -> dict[str, Any]:
    """The table, and the goals that it is held to."""
    home = folder / "incremental"
    home.mkdir(parents=True, exist_ok=True)
    family = folder / "families" / "small"
    stored = np.load(family / "data.npz")
    generator = np.random.default_rng(23)
    fresh, labels = _drifted(stored["traffic_x"][:FRESH], generator), stored["traffic_y"][:FRESH]
    older, older_labels = stored["train_x"][:REPLAY], stored["train_y"][:REPLAY]
    tests = {
        "drift": (_drifted(stored["test_x"][:TEST], generator), stored["test_y"][:TEST]),
        "clean": (stored["test_x"][:TEST], stored["test_y"][:TEST]),
    }
    teacher = _teacher(home, stored, options)
    rows = np.concatenate([fresh, older])
    both = np.concatenate([labels, older_labels])
    strata = ["fresh"] * FRESH + ["replay"] * REPLAY
    save_rows(home / "unlabelled.arrow", rows, np.full(len(rows), np.nan), strata, "drift")
    save_rows(home / "labelled.arrow", rows, both.astype(np.float64), strata, "drift")
    everything = DataSet(
        (np.concatenate([stored["train_x"], fresh]), np.concatenate([stored["train_y"], labels])),
        *((tests["drift"],) * 2),
        10,
    )
    # Beside each other, several times: what else the machine does must not decide which of them is quick.
    rounds = [
        (
            _taught(home, family, teacher, tests, options, number),
            _anew(
                "full retraining, old rows and fresh ones", everything, 6, home / f"full-{number}.json", tests, options
            ),
        )
        for number in range(1, ROUNDS + 1)
    ]
    taught, full = (
        replace(ways[0], seconds=float(np.median([way.seconds for way in ways]))) for ways in zip(*rounds, strict=True)
    )
    share = float(np.median([one.seconds / other.seconds for one, other in rounds]))
    ways = [_unchanged(family, tests), taught, _by_labels(home, family, tests, options), full]
    same = DataSet((rows, both), *((tests["drift"],) * 2), 10)
    ways.append(_anew("from the beginning on the same 6,000 rows", same, 12, home / "same.json", tests, options))
    refused = _misled(home, family, options)
    return _page(ways, share, refused)


def _drifted(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Every image turned by its own angle, and noise on all of it."""
    angles = torch.from_numpy(np.deg2rad(generator.uniform(-DEGREES, DEGREES, len(images))).astype(np.float32))
    zero = torch.zeros_like(angles)
    turn = torch.stack(
        [
            torch.stack([torch.cos(angles), -torch.sin(angles), zero], 1),
            torch.stack([torch.sin(angles), torch.cos(angles), zero], 1),
        ],
        1,
    )
    grid = torch.nn.functional.affine_grid(turn, list(images.shape), align_corners=False)
    turned = torch.nn.functional.grid_sample(torch.from_numpy(images), grid, align_corners=False).numpy()
    return np.clip(turned + generator.normal(0, NOISE, turned.shape), 0, 1).astype(np.float32)


def _teacher(home: Path, stored: Any, options: Any) -> Path:
    path = home / "teacher.onnx"
    if not path.exists():
        torch.manual_seed(5)
        generator = np.random.default_rng(29)
        images, labels = stored["train_x"], stored["train_y"]
        rows = np.concatenate([images, _drifted(images, generator)])
        network = ResidualNetwork()
        train(
            network,
            DataSet((rows, np.concatenate([labels, labels])), *(((images, labels)) for _ in range(2)), 10),
            2,
            3e-3,
        )
        export(network.eval(), torch.from_numpy(rows[:3]), path)
    return path


def _distilling(home: Path, family: Path, name: str, teacher: Path, options: Any) -> dict[str, Any]:
    rows, alternative = home / "unlabelled.arrow", {"name": "distil", "steps": [DISTIL]}
    document = compress_document(
        f"drift-{name}", alternative, contract_of(family), family / "model.onnx", rows, options
    )
    document["artifacts"]["teacher"] = artifact(teacher)
    return document


def _taught(home: Path, family: Path, teacher: Path, tests: dict[str, Any], options: Any, number: int) -> Way:
    output = home / f"distil-{number}"
    made = run_job(_distilling(home, family, "distil", teacher, options), output, f"distillation {number}", "ours")
    report = json.loads((output / "report.json").read_text())
    seconds = sum(step["seconds"] for tried in report["alternatives"] for step in tried["steps"])
    note = f"the whole job with start, evaluation and report: {report['wallSeconds']:.0f} s"
    return _judged("distillation, no labels", FRESH + REPLAY, 0, seconds, made.model, family, tests, note)


def _by_labels(home: Path, family: Path, tests: dict[str, Any], options: Any) -> Way:
    rows = home / "labelled.arrow"
    document = compress_document("drift-incremental", {}, contract_of(family), family / "model.onnx", rows, options)
    document |= {"recipe": "incremental-distillation", "parameters": {}}
    document["data"]["train"]["labelled"] = FRESH + REPLAY
    made = run_job(document, home / "labels", "incremental-distillation", "ours")
    report = json.loads((home / "labels" / "report.json").read_text())
    seconds = sum(step["seconds"] for step in report["steps"])
    words = "`incremental-distillation`, to eight bits"
    return _judged(words, FRESH + REPLAY, FRESH + REPLAY, seconds, made.model, family, tests, made.note[:80])


def _misled(home: Path, family: Path, options: Any) -> str:
    """A teacher that knows nothing must be refused; answers with what was said."""
    path = home / "untaught.onnx"
    if not path.exists():
        torch.manual_seed(99)
        export(ResidualNetwork().eval(), torch.zeros(3, 1, 28, 28), path)
    made = run_job(_distilling(home, family, "misled", path, options), home / "misled", "a bad teacher", "ours")
    return "" if made.model is not None else made.note


def _unchanged(family: Path, tests: dict[str, Any]) -> Way:
    return _judged("nothing is done", 0, 0, 0.0, family / "model.onnx", family, tests)


def _judged(
    name: str,
    rows: int,
    labels: int,
    seconds: float,
    model: Path | None,
    family: Path,
    tests: dict[str, Any],
    note: str = "",
) -> Way:
    if model is None:
        return Way(name, rows, labels, seconds, float("nan"), float("nan"), note)
    contract = ModelContract.model_validate(contract_of(family))
    loaded = onnx.load(model)
    found = {
        part: float((predictions(score(loaded, inputs, contract, 1), contract) == truth).mean())
        for part, (inputs, truth) in tests.items()
    }
    return Way(name, rows, labels, seconds, found["drift"], found["clean"], note)


def _anew(name: str, data: DataSet, epochs: int, path: Path, tests: dict[str, Any], options: Any) -> Way:
    if not path.exists():
        torch.manual_seed(3)
        torch.set_num_threads(options.threads)
        network = SmallNetwork()
        started = time.monotonic()
        train(network, data, epochs, 6e-3)
        seconds = time.monotonic() - started
        network.eval()
        found = {part: accuracy(network, *rows) for part, rows in tests.items()}
        path.write_text(json.dumps({"seconds": seconds, **found}))
    stored = json.loads(path.read_text())
    count = len(data.train[1])
    return Way(name, count, count, stored["seconds"], stored["drift"], stored["clean"])


def _page(ways: list[Way], time_share: float, refused: str) -> dict[str, Any]:
    before, taught, _, full, _ = ways
    gain = full.drift - before.drift
    head = "| way | rows | labels | training | drifted | old | recovered |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    rows = [
        f"| {way.name} | {way.rows:,} | {way.labels:,} | {way.seconds:.0f} s | {way.drift:.4f} | {way.clean:.4f} | "
        f"{(way.drift - before.drift) / gain:.0%} |"
        for way in ways
    ]
    share = (taught.drift - before.drift) / gain
    goals = [
        ("drift: ≥ 90 % of what full retraining recovers", share >= 0.9, f"{share:.0%}"),
        (
            "drift: in at most a quarter of its time",
            time_share <= 0.25,
            f"{taught.seconds:.0f} s against {full.seconds:.0f} s: {time_share:.2f}, median of {ROUNDS} rounds",
        ),
        (
            "drift: at most 2 points lost on the old world",
            before.clean - taught.clean <= 0.02,
            f"{100 * (before.clean - taught.clean):+.1f} points",
        ),
        (
            "drift: from ≤ .25 to ≥ .78 within 15 s without labels",
            before.drift <= 0.25 and taught.drift >= 0.78 and taught.seconds <= 15,
            f"{before.drift:.3f} → {taught.drift:.3f} in {taught.seconds:.0f} s",
        ),
        ("drift: a teacher that knows nothing is refused", bool(refused), refused[:160] or "it was taken"),
    ]
    words = (
        f"Digits turned by up to {DEGREES:g}° with noise of {NOISE:g}; {TEST:,} test images of either world. Training is the wall "
        f"time of the steps themselves, for distillation and full retraining the median of {ROUNDS} rounds; {taught.note}."
    )
    return {
        "page": "\n\n".join([words, "\n".join([head, *rows])]),
        "goals": [{"words": words, "reached": bool(reached), "figure": figure} for words, reached, figure in goals],
    }
