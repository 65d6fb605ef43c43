"""Whether a model can be trained, told at once and completely, before anything is spent on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import torch

from ratchet_runners.data.rows import Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.engine.operators import OPERATORS
from ratchet_runners.engine.operators.registry import Attributes, UnsupportedForm
from ratchet_runners.engine.weights import constants_of, tensor_of, trainable_names
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import DEFAULT_DOMAINS, attributes_of, copy_of, kind_of
from ratchet_runners.model.scoring import serialise, session_of

#: Largest difference of one operator's answer from ONNX Runtime's, in shares of its largest number.
LARGEST_DIFFERENCE = 1e-3


@dataclass(frozen=True)
class Trainability:
    #: Numbers in the weights that training would change.
    weights: int
    #: Why the model cannot be trained; none if it can.
    faults: tuple[str, ...]


def trainability(model: onnx.ModelProto, contract: ModelContract, rows: Inputs, threads: int = 1) -> Trainability:
    """Every node is run on what ONNX Runtime computes for these few real rows, so that one fault hides no other.

    @throws ModelUnusable when ONNX Runtime cannot run the model
    """
    names = trainable_names(model)
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in model.graph.initializer}
    unknown = sorted(
        {kind_of(node) for node in model.graph.node if node.op_type != "Constant" and kind_of(node) not in OPERATORS}
    )
    faults = [f"operator {name} is not known to the graph engine" for name in unknown]
    if not names:
        faults.append("it has no float weights of more than one number")
    values = _values(model, contract, rows, threads)
    for node in model.graph.node:
        if kind_of(node) in OPERATORS:
            fault = _fault(model, node, values)
            if fault:
                faults.append(f"operator {node.op_type} ({node.name}): {fault}")
    return Trainability(sum(sizes[name] for name in names), tuple(faults))


def _values(
    model: onnx.ModelProto, contract: ModelContract, rows: Inputs, threads: int
) -> dict[str, npt.NDArray[np.generic]]:
    """Every tensor of the graph by ONNX Runtime, as far as it is one."""
    tapped = copy_of(model)
    del tapped.graph.output[:]
    made = [name for node in model.graph.node for name in node.output if name]
    tapped.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made)
    session = session_of(serialise(tapped), threads)
    feed = np.ascontiguousarray(rows)
    try:
        answers: Sequence[object] = session.run(made, {contract.input.name: feed})
    except Exception as error:
        raise ModelUnusable("The model does not answer real rows", [str(error).strip()]) from error
    values: dict[str, npt.NDArray[np.generic]] = {contract.input.name: feed, **constants_of(model)}
    values.update({name: value for name, value in zip(made, answers, strict=True) if isinstance(value, np.ndarray)})
    return values


def _fault(model: onnx.ModelProto, node: onnx.NodeProto, values: dict[str, npt.NDArray[np.generic]]) -> str | None:
    opset = next(
        (
            entry.version
            for entry in model.opset_import
            if entry.domain == node.domain or {entry.domain, node.domain} <= set(DEFAULT_DOMAINS)
        ),
        1,
    )
    if any(name and name not in values for name in node.input):
        return "it takes something that is no tensor"
    form = Attributes(attributes_of(node), opset, node.output)
    inputs = [tensor_of(name, values[name]) if name else None for name in node.input]
    try:
        with torch.no_grad():
            made = OPERATORS[kind_of(node)](form, inputs)
    except UnsupportedForm as problem:
        return str(problem)
    except (RuntimeError, ValueError, IndexError, KeyError, TypeError, NotImplementedError) as problem:
        return f"the graph engine fails on it: {str(problem).strip().splitlines()[0]}"
    for name, mine in zip(node.output, (made,) if isinstance(made, torch.Tensor) else made, strict=False):
        if name and name in values and not _alike(mine, values[name]):
            return "the graph engine answers otherwise than ONNX Runtime"
    return None


def _alike(mine: torch.Tensor, right: npt.NDArray[np.generic]) -> bool:
    ours = mine.numpy()
    if ours.shape != right.shape:
        return False
    if right.dtype.kind != "f":
        return bool((ours == right).all())
    finite = np.isfinite(right)
    if not (np.isfinite(ours) == finite).all():
        return False
    scale = float(np.abs(right[finite]).max(initial=0.0)) + 1e-6
    return float(np.abs(ours[finite] - right[finite]).max(initial=0.0)) <= LARGEST_DIFFERENCE * scale
