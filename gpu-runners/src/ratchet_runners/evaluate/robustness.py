"""How answers hold when rows are disturbed, by chance or on purpose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import util
from typing import TYPE_CHECKING, Literal

import numpy as np
import onnx

from ratchet_runners.data.rows import Doubles, Floats, Indices
from ratchet_runners.documents.job import ModelContract, Regression
from ratchet_runners.evaluate.document import Compared, Robustness
from ratchet_runners.evaluate.intervals import compare_shares
from ratchet_runners.evaluate.noise import noisy
from ratchet_runners.evaluate.options import EvaluationOptions
from ratchet_runners.evaluate.quality import compare_scores, mean_absolute_error
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.scoring import predictions, score

if TYPE_CHECKING:
    from ratchet_runners.evaluate.attacks import Attacker


@dataclass(frozen=True)
class Question:
    """Rows and what is right for them: labels, or the reference's own answers where there are none."""

    rows: Floats
    truth: Doubles
    contract: ModelContract
    options: EvaluationOptions
    threads: int
    seed: int

    def few(self, count: int) -> Question:
        return Question(self.rows[:count], self.truth[:count], self.contract, self.options, self.threads, self.seed)


def not_applicable(contract: ModelContract) -> str | None:
    """Why rows cannot be disturbed at all; None where they can."""
    if contract.input.datatype != "FP32":
        return f"inputs are {contract.input.datatype}: numbers that name things have no neighbours"
    return None


def under_noise(candidates: Mapping[str, onnx.ModelProto], reference: onnx.ModelProto, asked: Question) -> Disturbed:
    """Each candidate under each sigma; all see the same noise."""
    found = Disturbed(candidates)
    for number, sigma in enumerate(asked.options.noise):
        rows = noisy(asked.rows, sigma, asked.seed + number)
        answers = _answers({**candidates, "": reference}, rows, asked)
        for name in candidates:
            found.add(name, "noise", sigma, None, _compared(answers[name], answers[""], asked))
    return found


def under_attack(
    candidates: Mapping[str, onnx.ModelProto], source: onnx.ModelProto, reference: onnx.ModelProto, asked: Question
) -> Disturbed:
    """Each candidate on adversarial rows from the source's gradients (a transfer attack), and where the graph engine
    can run the candidate from its own. Nobody is called robust because gradients of something else miss it."""
    found = Disturbed(candidates)
    if util.find_spec("torch") is None:
        return found.without("torch is not installed: install the package with its extra [train]")
    few = asked.few(asked.options.attack_rows)
    try:
        attacker = _attacker(source, asked)
    except ModelUnusable as fault:
        return found.without(fault.text())
    for kind, strength, rows in _attacks(attacker, few):
        answers = _answers({**candidates, "": reference}, rows, few)
        for name in candidates:
            found.add(name, kind, strength, "source", _compared(answers[name], answers[""], few))
    for name, model in candidates.items():
        try:
            own = _attacker(model, asked)
            for kind, strength, rows in _attacks(own, few):
                answers = _answers({name: model, "": reference}, rows, few)
                found.add(name, kind, strength, "candidate", _compared(answers[name], answers[""], few))
        except ModelUnusable as fault:
            found.note(name, f"no gradients of the candidate itself: {'; '.join([fault.message, *fault.faults])}")
        except RuntimeError as fault:  # torch says so where a graph has no path for gradients
            found.note(name, f"no gradients of the candidate itself: {str(fault).splitlines()[0]}")
    return found


class Disturbed:
    """Figures by candidate, and what is missing."""

    def __init__(self, names: Mapping[str, object]) -> None:
        self.figures: dict[str, list[Robustness]] = {name: [] for name in names}
        self.missing: dict[str, str] = {}

    def add(
        self,
        name: str,
        kind: Literal["noise", "fgsm", "pgd"],
        strength: float,
        gradients_of: Literal["source", "candidate"] | None,
        figures: Compared,
    ) -> None:
        self.figures[name].append(Robustness(kind=kind, strength=strength, gradients_of=gradients_of, figures=figures))

    def note(self, name: str, reason: str) -> None:
        self.missing[name] = reason

    def without(self, reason: str) -> Disturbed:
        self.missing = dict.fromkeys(self.figures, reason)
        return self


def _attacker(model: onnx.ModelProto, asked: Question) -> Attacker:
    from ratchet_runners.evaluate.attacks import Attacker

    return Attacker(model, asked.contract, asked.rows)


def _attacks(attacker: Attacker, asked: Question) -> Iterator[tuple[Literal["fgsm", "pgd"], float, Floats]]:
    for strength in asked.options.attacks:
        yield "fgsm", strength, attacker.fgsm(asked.rows, asked.truth, strength)
        steps = asked.options.attack_steps
        yield "pgd", strength, attacker.pgd(asked.rows, asked.truth, strength, steps, asked.seed)


def _answers(models: Mapping[str, onnx.ModelProto], rows: Floats, asked: Question) -> dict[str, Doubles]:
    return {
        name: predictions(score(model, rows, asked.contract, asked.threads), asked.contract)
        for name, model in models.items()
    }


def _compared(candidate: Doubles, reference: Doubles, asked: Question) -> Compared:
    if isinstance(asked.contract.task, Regression):
        options = asked.options
        return compare_scores(
            mean_absolute_error, candidate, reference, asked.truth, options, options.confidence, asked.seed
        )
    return compare_shares(candidate, reference, asked.truth, asked.options.confidence)


def truth_of(labels: Doubles, reference: Doubles) -> tuple[Indices, Doubles]:
    """Positions of rows that can be asked about, labelled ones if there are any, and what is right for them."""
    known = np.flatnonzero(np.isfinite(labels))
    return (known, labels[known]) if len(known) else (np.arange(len(labels), dtype=np.intp), reference)
