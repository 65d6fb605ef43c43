"""River's half of the detector benchmark.

    river_side.py real FOLDER SEEDS     error streams of classifiers on real data that River packages, and annotated series
    river_side.py run FOLDER [NAME]     every River detector over the streams of FOLDER/NAME.manifest.json, or of all
    river_side.py golden FILE           what River's ADWIN and Page-Hinkley say about a few fixed streams

Streams are written once and read by both sides: `<name>.bin` holds 8-bit errors or 64-bit values one after the other,
`<name>.manifest.json` where each stream lies, where its drifts are and what is known of its rate beforehand.
"""

from __future__ import annotations

import functools
import json
import random
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from river import datasets, drift, naive_bayes, preprocessing, tree
from river.datasets import synth
from river.drift import binary
from river.drift import datasets as annotated

DETECTORS: dict[str, Callable[[], Any]] = {
    "ADWIN δ = .002": lambda: drift.ADWIN(),
    "ADWIN δ = .05": lambda: drift.ADWIN(delta=0.05),
    "Page–Hinkley": lambda: drift.PageHinkley(),
    "DDM": lambda: binary.DDM(),
    "EDDM": lambda: binary.EDDM(),
    "HDDM_A": lambda: binary.HDDMA(),
    "HDDM_W": lambda: binary.HDDMW(),
}
#: These cost 7 to 11 µs an update, so on the 0/1 cells they see the first 100 streams only.
SLOW = {"HDDM_A", "HDDM_W"}
MOST_FOR_SLOW = 100
#: The others are made for 0/1 errors only.
FOR_VALUES = {"ADWIN δ = .002", "ADWIN δ = .05", "Page–Hinkley"}


def alarms(detector: Any, values: Iterable[float]) -> list[int]:
    found = []
    for index, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            found.append(index)
    return found


def run(folder: Path, only: str = "*") -> None:
    for manifest in sorted(folder.glob(f"{only}.manifest.json")):
        about = json.loads(manifest.read_text())
        kind = np.uint8 if about["type"] == "u8" else np.float64
        data = np.fromfile(folder / about["file"], dtype=kind)
        result: dict[str, Any] = {}
        for name, make in DETECTORS.items():
            if about["type"] != "u8" and name not in FOR_VALUES:
                continue
            began = time.process_time()
            found = {}
            updates = 0
            few = name in SLOW and about["name"].startswith("cell-")
            for stream in about["streams"][: MOST_FOR_SLOW if few else None]:
                values = data[stream["offset"] : stream["offset"] + stream["length"]]
                # Lists of Python numbers: what a user of River feeds; HDDM and DDM take booleans.
                plain = values.astype(bool).tolist() if about["type"] == "u8" else scaled(values, stream)
                found[stream["id"]] = alarms(make(), plain)
                updates += len(plain)
            seconds = time.process_time() - began
            result[name] = {"alarms": found, "microseconds": 1e6 * seconds / max(1, updates)}
            print(f"  River {name}: {updates:,} updates of {about['name']} in {seconds:.1f} s", flush=True)
        (folder / f"{about['name']}.river.json").write_text(json.dumps(result))


def scaled(values: np.ndarray, stream: dict[str, Any]) -> list[float]:
    """Standardised by the first `learn` values, as one does before Page–Hinkley and ADWIN."""
    head = values[: stream["learn"]]
    spread = float(head.std()) or 1.0
    return [(float(value) - float(head.mean())) / spread for value in values]


@functools.cache
def rows_of(name: str) -> list[tuple[list[float], str]]:
    makers: dict[str, Callable[[], Iterable[tuple[dict[Any, Any], Any]]]] = {
        "bananas": datasets.Bananas,
        "phishing": datasets.Phishing,
        "image segments": datasets.ImageSegments,
        "shuttle": datasets.Shuttle,
    }
    rows = []
    for x, y in makers[name]():
        rows.append(([float(value) for value in x.values()], str(y)))
    return rows


def error_stream(name: str, seed: int, share: float) -> tuple[list[int], int, int, int]:
    """Errors of a frozen classifier: (stream, position of the drift, bad evaluated rows, evaluated rows).

    A third of the rows trains it, up to a thousand of the rest evaluate it, what is left is the stream, drawn with
    replacement up to 6,000. From its middle on, in a `share` of the rows the columns are in another order: real values in
    the wrong places, as a changed exporter delivers them.
    """
    chance = random.Random(seed)
    rows = list(rows_of(name))
    chance.shuffle(rows)
    third = len(rows) // 3
    train, rest = rows[: min(third, 4_000)], rows[min(third, 4_000) :]
    evaluated = rest[: min(1_000, len(rest) // 2)]
    pool = rest[len(evaluated) :]
    model = preprocessing.StandardScaler() | (
        tree.HoeffdingTreeClassifier(grace_period=50) if name == "bananas" else naive_bayes.GaussianNB()
    )
    for x, y in train:
        model.learn_one(dict(enumerate(x)), y)
    order = list(range(len(pool[0][0])))
    chance.shuffle(order)
    if order == sorted(order):
        order.reverse()
    wrong = lambda x, y: int(model.predict_one(dict(enumerate(x))) != y)  # noqa: E731
    bad = sum(wrong(x, y) for x, y in evaluated)
    before = min(3_000, len(pool))
    known = {}

    def error(index: int, drifted: bool) -> int:
        if (index, drifted) not in known:
            x, y = pool[index]
            known[index, drifted] = wrong([x[i] for i in order] if drifted else x, y)
        return known[index, drifted]

    stream = [error(chance.randrange(len(pool)), False) for _ in range(before)]
    stream += [error(chance.randrange(len(pool)), chance.random() < share) for _ in range(3_000)]
    return stream, before, bad, len(evaluated)


def generated_stream(name: str, seed: int) -> tuple[list[int], int, int, int]:
    """The same with River's generators, whose concept changes at a known place: SEA and Agrawal."""
    make = {
        "SEA": lambda variant: synth.SEA(variant=variant, noise=0.02, seed=seed),
        "Agrawal": lambda variant: synth.Agrawal(classification_function=variant, seed=seed),
    }[name]
    first, second = 0, 3
    model = tree.HoeffdingTreeClassifier(grace_period=50)
    old = list(make(first).take(7_000))
    new = list(make(second).take(3_000))
    for x, y in old[:3_000]:
        model.learn_one(x, y)
    evaluated = [int(model.predict_one(x) != y) for x, y in old[3_000:4_000]]
    stream = [int(model.predict_one(x) != y) for x, y in [*old[4_000:], *new]]
    return stream, 3_000, sum(evaluated), len(evaluated)


def real(folder: Path, seeds: int) -> None:
    streams, parts, offset = [], [], 0
    for name in ["bananas", "phishing", "image segments", "shuttle", "SEA", "Agrawal"]:
        for seed in range(1, seeds + 1):
            for share in (0.0, 0.3, 1.0) if name not in ("SEA", "Agrawal") else (1.0,):
                generated = name in ("SEA", "Agrawal")
                made = generated_stream(name, seed) if generated else error_stream(name, seed, share)
                errors, change, bad, samples = made
                streams.append({
                    "id": f"{name}/{share}/{seed}", "group": name, "share": share, "offset": offset,
                    "length": len(errors), "changes": [change] if share > 0 else [], "bad": bad, "samples": samples,
                    "before": sum(errors[:change]) / change, "after": sum(errors[change:]) / len(errors[change:]),
                })  # fmt: skip
                parts.append(np.array(errors, dtype=np.uint8))
                offset += len(errors)
        print(f"  errors on {name} made", flush=True)
    write(folder, "real", "u8", np.concatenate(parts), streams)
    annotated_series(folder)


def annotated_series(folder: Path) -> None:
    """Series in which people marked the changes (Turing change point dataset, in River): a mark of at least two counts.

    Only those whose marks count places of the packaged file; of Apple every third row, as its description says.
    """
    streams, parts, offset = [], [], 0
    for make, every in ((annotated.UKCoalEmploy, 1), (annotated.RunLog, 1), (annotated.Occupancy, 1), (annotated.Apple, 3)):
        data = make()
        rows = [next(iter(target.values())) if isinstance(target, dict) else target for _, target in data]
        series = [float(value) for value in rows[::every]]
        marks: dict[int, int] = {}
        for points in data.annotations.values():
            for point in points:
                marks[point] = marks.get(point, 0) + 1
        changes = sorted(point for point, count in marks.items() if count >= 2 and 0 < point < len(series))
        streams.append({
            "id": type(data).__name__, "group": type(data).__name__, "offset": offset, "length": len(series),
            "changes": merged(changes), "learn": 30,
        })  # fmt: skip
        parts.append(np.array(series, dtype=np.float64))
        offset += len(series)
    write(folder, "annotated", "f64", np.concatenate(parts), streams)


def merged(points: list[int]) -> list[int]:
    """Marks of the same change differ by a few places."""
    kept: list[int] = []
    for point in points:
        if not kept or point - kept[-1] > 5:
            kept.append(point)
    return kept


def write(folder: Path, name: str, kind: str, data: np.ndarray, streams: list[dict[str, Any]]) -> None:
    data.tofile(folder / f"{name}.bin")
    about = {"name": name, "type": kind, "file": f"{name}.bin", "streams": streams}
    (folder / f"{name}.manifest.json").write_text(json.dumps(about))


def mulberry32(seed: int) -> Callable[[], float]:
    """The generator of src/kernel/random.ts, so that a test makes the same streams."""
    state = seed

    def draw() -> float:
        nonlocal state
        state = (state + 0x6D2B79F5) & 0xFFFFFFFF
        mixed = ((state ^ (state >> 15)) * (state | 1)) & 0xFFFFFFFF
        mixed ^= (mixed + (((mixed ^ (mixed >> 7)) * (mixed | 61)) & 0xFFFFFFFF)) & 0xFFFFFFFF
        return (mixed ^ (mixed >> 14)) / 4_294_967_296

    return draw


def golden(file: Path) -> None:
    cases = []
    for name, seed, parts in (
        ("errors", 1, [(1_500, 0.05, 0.0), (1_500, 0.2, 0.0), (2_000, 0.05, 0.0)]),
        ("values", 2, [(1_000, -1.0, 0.0), (1_000, -1.0, 0.75), (500, -1.0, -2.0)]),
    ):
        chance = mulberry32(seed)
        stream: list[float] = []
        for length, rate, shift in parts:
            for _ in range(length):
                first = chance()
                stream.append(float(first < rate) if rate >= 0 else shift + first + chance() - chance())
        for detector, options, make in (
            ("adwin", {}, drift.ADWIN),
            ("adwin", {"delta": 0.05}, drift.ADWIN),
            ("adwin", {"clock": 1}, drift.ADWIN),
            ("page-hinkley", {}, drift.PageHinkley),
            ("page-hinkley", {"threshold": 10, "min_instances": 50, "delta": 0.01}, drift.PageHinkley),
        ):
            made = make(**options)
            case = {"stream": name, "seed": seed, "parts": parts, "detector": detector, "options": options}
            case["alarms"] = alarms(made, stream)
            if detector == "adwin":
                case |= {"width": made.width, "mean": made.estimation, "deviation": made.variance}
            cases.append(case)
    file.write_text(json.dumps({"river": "0.26.1", "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    command, target = sys.argv[1], Path(sys.argv[2])
    if command == "real":
        real(target, int(sys.argv[3]))
    elif command == "run":
        run(target, *sys.argv[3:])
    elif command == "golden":
        golden(target)
    else:
        sys.exit(f"there is no {command}")
