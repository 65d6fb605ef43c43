"""Model in, the same model with trained Q/DQ pairs out."""

from __future__ import annotations

import onnx
import torch

from ratchet_runners.engine.parity import parity
from ratchet_runners.engine.quantized import QuantizedModule
from ratchet_runners.engine.quantized_layout import is_quantized
from ratchet_runners.model.normalise import normalise
from ratchet_runners.quantize.aware.config import QuantizeAware
from ratchet_runners.quantize.aware.lesson import Lesson
from ratchet_runners.quantize.aware.placing import Placed, place_pairs
from ratchet_runners.quantize.aware.training import figures_of, train_quantized
from ratchet_runners.quantize.counterpart import before_quantization
from ratchet_runners.registry import StepResult, technique
from ratchet_runners.workbench import Workbench


@technique("quantize-aware", QuantizeAware)
def quantize_aware(config: QuantizeAware, model: onnx.ModelProto, bench: Workbench) -> StepResult:
    """Places Q/DQ pairs (or takes those of a quantized model), trains what they round towards the teacher's answers,
    and folds to integers. The start counts too: the model is never further from its teacher on the selection rows.

    Refused when ONNX Runtime does not answer what was trained. @throws DataUnusable, ModelUnusable
    """
    torch.set_num_threads(bench.threads)
    if is_quantized(model):
        placed = Placed(model, before_quantization(bench))
    else:
        bench.tell("normalise", 0.0, "")
        plain = normalise(model, bench.rows.input[bench.split.train[:32]], bench.contract, bench.threads)
        placed = place_pairs(config, plain, bench)
    if placed.refusals:
        return StepResult(placed.model, placed.figures, placed.notes, placed.refusals)
    lesson = Lesson(config.training, config.minimum_rows, config.replay_share, bench.teacher(), bench)
    module = QuantizedModule(placed.model, bench.contract.input.name, bench.contract.output.name, placed.source)
    started = -lesson.score(module)
    seconds = bench.seconds_left(config.training.wall_share)
    trained = train_quantized(module, config.training, lesson, seconds, "train", bench)
    written = module.write_back()
    checked = parity(module, written, lesson.selection, bench)
    notes = (*placed.notes, *(("training was cut short by the time limit",) if trained.cut_short else ()))
    figures = {**placed.figures, **figures_of(trained, lesson), "startLoss": started, **checked.figures()}
    return StepResult(written, figures, notes, checked.refusals)
