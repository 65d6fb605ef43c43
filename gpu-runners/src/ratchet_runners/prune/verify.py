"""A pruned graph must still be the model that it was to those who call it."""

from __future__ import annotations

import numpy as np
import onnx

from ratchet_runners.data.rows import Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.scoring import score


def verify(
    pruned: onnx.ModelProto, source: onnx.ModelProto, rows: Inputs, contract: ModelContract, threads: int
) -> None:
    """Inputs and outputs as before, valid to ONNX's checker with shapes inferred, answers of the contract's shape.

    @throws ModelUnusable with what is wrong
    """
    for kind in ("input", "output"):
        before = [value.SerializeToString() for value in getattr(source.graph, kind)]
        after = [value.SerializeToString() for value in getattr(pruned.graph, kind)]
        if before != after:
            raise ModelUnusable(f"Pruning changed the model's {kind}s")
    try:
        onnx.checker.check_model(pruned, full_check=True)
    except Exception as error:  # the checker's and the inference's errors have no common base
        raise ModelUnusable("The pruned graph is not valid", [str(error).strip()]) from error
    answers = score(pruned, rows, contract, threads)
    if answers.shape[1:] != tuple(contract.output.shape[1:]):
        raise ModelUnusable(f"The pruned model answers with the shape {list(answers.shape)}")
    if not np.isfinite(answers).all():
        raise ModelUnusable("The pruned model answers real rows with numbers that are not finite")
