"""Shapes that tensors inside a graph really have, by running it: shape inference does not know all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper

from ratchet_runners.data.rows import Inputs
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import Array, copy_of
from ratchet_runners.model.scoring import serialise, session_of
from ratchet_runners.workbench import Workbench


def with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """The model with further outputs. @throws ModelUnusable for a name that no tensor has"""
    made = copy_of(model)
    present = {value.name for value in made.graph.output}
    known = {name for node in made.graph.node for name in node.output}
    missing = sorted(set(names) - known)
    if missing:
        raise ModelUnusable("The model has no such tensors", missing)
    made.graph.output.extend(
        helper.make_empty_tensor_value_info(name) for name in dict.fromkeys(names) if name not in present
    )
    return made


def probed(model: onnx.ModelProto, names: Sequence[str], inputs: Inputs, bench: Workbench) -> dict[str, Array]:
    """Values of tensors for a few rows. @throws ModelUnusable"""
    if not names:
        return {}
    names = list(dict.fromkeys(names))
    session = session_of(serialise(with_outputs(model, names)), bench.threads)
    values = session.run(names, {bench.contract.input.name: np.ascontiguousarray(inputs)})
    return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}


def probed_shapes(
    model: onnx.ModelProto, names: Sequence[str], inputs: Inputs, bench: Workbench
) -> dict[str, tuple[int, ...]]:
    """Shapes of those of the tensors that hold floats."""
    values = probed(model, names, inputs, bench)
    return {name: value.shape for name, value in values.items() if value.dtype == np.float32}
