"""Measures every model of a family on the test rows, all of them interleaved, by the runner's own evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from ratchet_runners.data.rows import Rows
from ratchet_runners.data.split import Split
from ratchet_runners.documents.job import ModelContract, Serving
from ratchet_runners.evaluate.options import EvaluationOptions
from ratchet_runners.evaluate.run import evaluate
from ratchet_runners.faults import RunnerFault
from ratchet_runners.model.normalise import normalise
from ratchet_runners.model.scoring import predictions, score
from ratchet_runners.workbench import Workbench

from jobs import SEED, Result, contract_of, digest


def judge(family: Path, results: list[Result], options: Any) -> dict[str, Any]:
    """Evaluations by name, and what could not be judged with its reason; kept until a model or the options change."""
    models = {result.name: result.model for result in results if result.model is not None}
    key = {name: digest(path) for name, path in models.items()} | {
        "quick": options.quick,
        "family": digest(family / "model.onnx"),
    }
    stored = family / "judged.json"
    if stored.exists():
        content = json.loads(stored.read_text())
        if content["key"] == key:
            return content
    bench = _bench(family, options)
    reference = onnx.load(family / "model.onnx")
    bench.models["source"] = normalise(reference, bench.rows.input[:32], bench.contract, options.threads)
    usable: dict[str, onnx.ModelProto] = {"fp32": reference}
    broken: dict[str, str] = {}
    for name, path in models.items():
        try:
            model = onnx.load(path)
            evaluate(
                {name: model}, reference, bench, EvaluationOptions(noise=(), latency_rounds=10, latency_seconds=0.2)
            )
            usable[name] = model
        except (RunnerFault, Exception) as error:  # a peer may write what nobody can run; that is a finding
            broken[name] = str(error).splitlines()[0][:300]
    asked = EvaluationOptions(
        detail="full",
        bootstrap_rounds=300,
        attack_rows=64 if options.quick else 128,
        attack_steps=5,
        noise=(0.3,),
        attacks=(0.15,),
        batches=(1, 8),
        threads=(1,),
        latency_rounds=40 if options.quick else 150,
        latency_seconds=20.0 if options.quick else 90.0,
    )
    found = evaluate(usable, reference, bench, asked)
    content = {
        "key": key,
        "evaluations": {name: each.model_dump(mode="json", by_alias=True) for name, each in found.items()},
        "broken": broken,
    }
    stored.write_text(json.dumps(content, indent=1))
    return content


def over_seeds(
    family: Path, results: list[Result], again: list[tuple[str, int, Result]], options: Any
) -> dict[str, dict[int, float]]:
    """Accuracy on the test rows by recipe and seed; recipes that were run once are left out."""
    if not again:
        return {}
    bench = _bench(family, options)
    names = {recipe for recipe, _, _ in again}
    made: dict[str, dict[int, float]] = {name: {} for name in names}
    for recipe, seed, result in [*((each.name, SEED, each) for each in results if each.name in names), *again]:
        if result.model is not None:
            answers = score(onnx.load(result.model), bench.rows.input, bench.contract, options.threads)
            right = predictions(answers, bench.contract) == bench.rows.label
            made[recipe][seed] = float(right.mean())
    return made


def _bench(family: Path, options: Any) -> Workbench:
    stored = np.load(family / "data.npz")
    rows, labels = stored["test_x"], stored["test_y"]
    if options.quick:
        rows, labels = rows[:1000], labels[:1000]
    count = len(rows)
    everything = Rows(
        tuple(f"test-{number}" for number in range(count)),
        np.arange(count, dtype=np.int64),
        rows,
        np.full(count, np.nan),
        labels.astype(np.float64),
        np.zeros(count, dtype=np.bool_),
        np.ones(count),
        "sha256:" + "0" * 64,
    )
    nothing = np.array([], dtype=np.intp)
    return Workbench(
        contract=ModelContract.model_validate(contract_of(family)),
        rows=everything,
        split=Split(nothing, nothing, np.arange(count, dtype=np.intp)),
        seed=7,
        threads=options.threads,
        tell=lambda step, fraction, message: None,
        deadline=float("inf"),
        wall_seconds=float("inf"),
        models={},
        serving=Serving(batch_sizes=(1, 8)),
    )
