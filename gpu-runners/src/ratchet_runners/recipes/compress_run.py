"""Tries alternatives in order; the first that is not refused becomes the candidate."""

from __future__ import annotations

import onnx

from ratchet_runners.model.normalise import normalise
from ratchet_runners.recipes.compress import Compress
from ratchet_runners.recipes.judge import judge
from ratchet_runners.recipes.outcome import Made
from ratchet_runners.recipes.pipeline import take_steps
from ratchet_runners.workbench import Workbench


def compress(config: Compress, reference: onnx.ModelProto, bench: Workbench) -> Made:
    """@throws RunnerFault of a step that cannot work"""
    plain = normalise(reference, bench.rows.input[:32], bench.contract, bench.threads)
    reasons: list[str] = []
    for alternative in config.alternatives:
        made = take_steps(alternative.steps, plain, bench)
        if not made.refusals:
            figures = judge(made.model, reference, "source", {**bench.models, "source": plain}, bench)
            return Made(made.model, None, (), figures, made.steps)
        reasons += [f"{alternative.name}: {refusal}" for refusal in made.refusals]
    return Made(None, None, tuple(reasons or ["no alternative is named"]), {}, ())
