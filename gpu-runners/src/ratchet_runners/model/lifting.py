"""Newer operator sets for older models."""

from __future__ import annotations

import onnx
from onnx import helper, version_converter

from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import DEFAULT_DOMAINS, copy_of, opset_of

#: Oldest operator set whose Q/DQ pairs know scales a channel.
OLDEST_OPSET = 13
#: Oldest operator set whose Q/DQ pairs know blocks and four bits.
BLOCKS_OPSET = 21


def lifted(model: onnx.ModelProto, opset: int = OLDEST_OPSET) -> onnx.ModelProto:
    """The model at this operator set, or unchanged where it is as new already. Constant nodes may have been added.

    @throws ModelUnusable when the converter cannot do it
    """
    found = opset_of(model)
    if found >= opset:
        return model
    try:
        made = version_converter.convert_version(model, opset)
        onnx.checker.check_model(made)
    except Exception as error:  # the converter throws RuntimeError and its own classes alike
        raise ModelUnusable(
            f"The model's operator set {found} is older than {opset} and cannot be lifted",
            [str(error).strip() or type(error).__name__, f"export it again with operator set {opset} or newer"],
        ) from error
    oldest = helper.find_min_ir_version_for(
        [entry for entry in made.opset_import if entry.domain in DEFAULT_DOMAINS], ignore_unknown=True
    )
    made.ir_version = max(made.ir_version, oldest)
    return copy_of(made)
