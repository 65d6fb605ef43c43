"""Where the next student starts: at the champion, which has learned since the reference was made, or at the source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from ratchet_runners.data.rows import Doubles, Indices
from ratchet_runners.distil.warm_start import dequantized
from ratchet_runners.documents.job import Classification
from ratchet_runners.engine.module import unsupported_operators
from ratchet_runners.engine.quantized_layout import is_quantized
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.normalise import normalise
from ratchet_runners.model.precision import weights_by_bits
from ratchet_runners.model.scoring import score
from ratchet_runners.workbench import Workbench

#: A champion with fewer weights than this share of the source's was made smaller, and its successor keeps its form.
SMALLER = 0.9


@dataclass(frozen=True)
class WarmStart:
    model: onnx.ModelProto
    figures: dict[str, float | None]
    notes: tuple[str, ...] = ()


def warm_start(source: onnx.ModelProto, bench: Workbench) -> WarmStart:
    """The champion in full precision where it can be trained and is a smaller model, or already answers more like the
    teacher on the selection rows than the source does (fresh and older rows counting the same); else the source.
    """
    if "champion" not in bench.models:
        return WarmStart(source, {})
    try:
        champion = _in_full_precision(bench.models["champion"], bench)
    except ModelUnusable as fault:
        return WarmStart(source, {}, (f"the student starts from the reference: {fault.message}",))
    distances = {"source": _distance(source, bench), "champion": _distance(champion, bench)}
    figures: dict[str, float | None] = {f"{name}Distance": value for name, value in distances.items()}
    smaller = _weights(champion) < SMALLER * _weights(source)
    if smaller or distances["champion"] < distances["source"]:
        return WarmStart(champion, figures, ("the student starts from the champion",))
    return WarmStart(source, figures, ("the student starts from the reference, which is nearer to the teacher",))


def _in_full_precision(champion: onnx.ModelProto, bench: Workbench) -> onnx.ModelProto:
    made = dequantized(champion) if is_quantized(champion) else champion
    if made is None:
        raise ModelUnusable("the champion is quantized in a way that cannot be undone")
    plain = normalise(made, bench.rows.input[:32], bench.contract, bench.threads)
    missing = unsupported_operators(plain)
    if missing:
        raise ModelUnusable(f"the champion has operators that the graph engine does not know: {', '.join(missing)}")
    return plain


def _distance(model: onnx.ModelProto, bench: Workbench) -> float:
    chosen = bench.split.select if len(bench.split.select) else bench.split.train
    older = bench.rows.replay[chosen]
    kinds = [chosen[each] for each in (older, ~older) if each.any()]
    return float(np.mean([_apart(model, positions, bench) for positions in kinds]))


def _apart(model: onnx.ModelProto, positions: Indices, bench: Workbench) -> float:
    """Share of answers unlike the teacher's; for numbers the mean squared difference."""
    own, taught = _answers(model, positions, bench), _answers(bench.teacher(), positions, bench)
    if isinstance(bench.contract.task, Classification):
        return float((own.argmax(axis=1) != taught.argmax(axis=1)).mean())
    return float(np.square(own - taught).mean())


def _answers(model: onnx.ModelProto, positions: Indices, bench: Workbench) -> Doubles:
    answers = score(model, bench.rows.input[positions], bench.contract, bench.threads)
    return answers.reshape(len(positions), -1).astype(np.float64)


def _weights(model: onnx.ModelProto) -> int:
    return sum(weights_by_bits(model).values())
