"""A step that improves layer by layer must improve the whole, too: judged on rows that it did not see."""

from __future__ import annotations

import onnx

from ratchet_runners.data.rows import Inputs
from ratchet_runners.model.scoring import score
from ratchet_runners.quantize.equivalence import output_error
from ratchet_runners.workbench import Workbench

#: Rows that the comparison takes.
ROWS = 1024


def keep_if_better(
    before: onnx.ModelProto,
    after: onnx.ModelProto,
    exact: onnx.ModelProto,
    seen: Inputs,
    bench: Workbench,
    what: str,
) -> tuple[onnx.ModelProto, dict[str, float | None], tuple[str, ...]]:
    """The model whose answers are nearer to the float model's, both errors, and a note when it is the old one.

    It compares on the rows that choose; where there are too few, on those that the step has `seen`.
    """
    chosen = bench.rows.input[bench.split.select[:ROWS]]
    rows = chosen if len(chosen) >= 16 else seen[:ROWS]
    answers = score(exact, rows, bench.contract, bench.threads)
    old, new = (output_error(model, answers, rows, bench) for model in (before, after))
    figures: dict[str, float | None] = {"outputErrorBefore": old, "outputErrorAfter": new, "kept": float(new < old)}
    if new < old:
        return after, figures, ()
    return before, figures, (f"the {what} was taken back: the answers came no nearer to the float model's",)
