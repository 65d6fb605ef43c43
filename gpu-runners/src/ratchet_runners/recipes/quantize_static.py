"""One step: calibrate, quantize, measure."""

from __future__ import annotations

import onnx

from ratchet_runners.quantize.static.config import QuantizeStatic
from ratchet_runners.recipes.judge import judge
from ratchet_runners.recipes.outcome import Made, take_step
from ratchet_runners.workbench import Workbench


def quantize_static(config: QuantizeStatic, reference: onnx.ModelProto, bench: Workbench) -> Made:
    result, step = take_step(config, reference, bench)
    if result.refusals:
        return Made(None, None, result.refusals, {}, (step,))
    bench.tell("verify", 0.0, "")
    figures = judge(result.model, reference, "reference", bench.models, bench)
    bench.tell("verify", 1.0, "")
    return Made(result.model, None, result.notes, figures, (step,))
