"""An ONNX graph as a torch module whose float weights can be trained and written back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper
from torch import nn

from ratchet_runners.engine.operators import OPERATORS
from ratchet_runners.engine.operators.registry import Attributes, Operator, UnsupportedForm
from ratchet_runners.engine.weights import constants_of, tensor_of, trainable_names
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import DEFAULT_DOMAINS, attributes_of, kind_of

#: What rows are cast to where the graph takes integers.
INTEGER_TYPES: dict[int, torch.dtype] = {
    int(TensorProto.INT64): torch.int64,
    int(TensorProto.INT32): torch.int32,
    int(TensorProto.BOOL): torch.bool,
}


def unsupported_operators(model: onnx.ModelProto) -> list[str]:
    """The operators that stand in the way of training, sorted."""
    return sorted(
        {kind_of(node) for node in model.graph.node if node.op_type != "Constant" and kind_of(node) not in OPERATORS}
    )


@dataclass(frozen=True)
class Step:
    """A node, ready to run."""

    node: onnx.NodeProto
    form: Attributes
    run: Operator


@dataclass(frozen=True)
class _Plan:
    """Which steps some tensors need, and what can be forgotten after each of them."""

    steps: tuple[int, ...]
    forgotten: tuple[tuple[str, ...], ...]


class GraphModule(nn.Module):
    """Runs the graph node by node. Parameters are the float initializers; topology and names stay the graph's own.

    Nodes that the output (and the taps) do not need are not run. Integer constants stay on the CPU, where shapes are
    worked out; operators bring them to the data's device where they meet it.

    A subclass may give nodes another meaning (`handler_of`), train other constants (`trainable_in`), and write more
    back (`write_back`).
    """

    def __init__(self, model: onnx.ModelProto, input_name: str, output_name: str) -> None:
        """@throws ModelUnusable with the list of operators that are not supported"""
        super().__init__()
        self._model = model
        self._input, self._output = input_name, output_name
        self._steps = self._all_steps(model)
        self._made = {name: at for at, step in enumerate(self._steps) for name in step.node.output if name}
        self._plans: dict[frozenset[str], _Plan] = {}
        self._input_type = next(
            (value.type.tensor_type.elem_type for value in model.graph.input if value.name == input_name), 0
        )
        trainable = set(self.trainable_in(model))
        self._slots: dict[str, int] = {}
        self._constants: dict[str, torch.Tensor] = {}
        weights: list[nn.Parameter] = []
        for name, array in constants_of(model).items():
            tensor = tensor_of(name, array)
            if name in trainable:
                self._slots[name] = len(weights)
                tensor = tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor
                weights.append(nn.Parameter(tensor))
            else:
                self._constants[name] = tensor
        self.weights = nn.ParameterList(weights)

    def handler_of(self, node: onnx.NodeProto) -> Operator | None:
        """What a node means; None where that is unknown. Asked once a node."""
        return OPERATORS.get(kind_of(node))

    def trainable_in(self, model: onnx.ModelProto) -> list[str]:
        """Names of the initializers that become parameters."""
        return trainable_names(model)

    @property
    def quantizer_parameters(self) -> list[nn.Parameter]:
        """Parameters of quantizers, which train at a rate of their own; none in a float graph."""
        return []

    @property
    def weight_names(self) -> list[str]:
        """Names of the parameters in the order of `weights`."""
        return list(self._slots)

    def weight(self, name: str) -> nn.Parameter:
        """The parameter of an initializer. KeyError where it is not trained."""
        return self.weights[self._slots[name]]

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """The named output. @throws ModelUnusable for a use of an operator that is not supported"""
        return self.tapped(rows, ())[0]

    def tapped(self, rows: torch.Tensor, taps: Collection[str]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The named output, and the tensors of these names, e.g. for distillation of features.

        @throws ModelUnusable for a use of an operator that is not supported, or a name that no tensor has
        """
        missing = [name for name in {*taps, self._output} if not self._known(name)]
        if missing:
            raise ModelUnusable("The model has no such tensors", sorted(missing))
        plan = self._plan(frozenset((*taps, self._output)))
        values: dict[str, torch.Tensor] = {self._input: self._prepared(rows)}
        for position, forgotten in zip(plan.steps, plan.forgotten, strict=True):
            self._run(self._steps[position], values)
            for name in forgotten:
                values.pop(name, None)
        return self._value(self._output, values), {name: self._value(name, values) for name in taps}

    def write_back(self) -> onnx.ModelProto:
        """The same graph with the weights as they are now: names, topology and types kept."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        for tensor in model.graph.initializer:
            slot = self._slots.get(tensor.name)
            if slot is not None:
                array = self.weights[slot].detach().contiguous().cpu().numpy()
                kept = np.ascontiguousarray(array, dtype=numpy_helper.to_array(tensor).dtype)
                tensor.CopyFrom(numpy_helper.from_array(kept, tensor.name))
        return model

    def _all_steps(self, model: onnx.ModelProto) -> list[Step]:
        opsets = {
            "" if entry.domain in DEFAULT_DOMAINS else entry.domain: entry.version for entry in model.opset_import
        }
        steps: list[Step] = []
        unknown: set[str] = set()
        for node in model.graph.node:
            if node.op_type == "Constant":
                continue
            handler = self.handler_of(node)
            if handler is None:
                unknown.add(kind_of(node))
                continue
            opset = opsets.get("" if node.domain in DEFAULT_DOMAINS else node.domain, 1)
            steps.append(Step(node, Attributes(attributes_of(node), opset, node.output), handler))
        if unknown:
            raise ModelUnusable(
                "The model cannot be trained: the graph engine does not know all of its operators",
                [f"operator {name}" for name in sorted(unknown)],
            )
        return steps

    def _prepared(self, rows: torch.Tensor) -> torch.Tensor:
        wanted = INTEGER_TYPES.get(self._input_type)
        if wanted is not None:
            return rows.to(wanted)
        return rows.contiguous(memory_format=torch.channels_last) if rows.dim() == 4 else rows

    def _run(self, step: Step, values: dict[str, torch.Tensor]) -> None:
        inputs = [self._value(name, values) if name else None for name in step.node.input]
        try:
            made = step.run(step.form, inputs)
        except UnsupportedForm as problem:
            raise ModelUnusable(
                "The model cannot be trained", [f"operator {step.node.op_type} ({step.node.name}): {problem}"]
            ) from problem
        for name, value in zip(step.node.output, (made,) if isinstance(made, torch.Tensor) else made, strict=False):
            if name:
                values[name] = value

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> GraphModule:
        """Float constants move to another device or type together with the weights."""
        super()._apply(fn, recurse)
        self._constants = {
            name: fn(value) if value.is_floating_point() else value for name, value in self._constants.items()
        }
        return self

    def _known(self, name: str) -> bool:
        return name == self._input or name in self._made or name in self._slots or name in self._constants

    def _value(self, name: str, values: dict[str, torch.Tensor]) -> torch.Tensor:
        if name in values:
            return values[name]
        if name in self._slots:
            return self.weights[self._slots[name]]
        if name in self._constants:
            return self._constants[name]
        raise ModelUnusable("The model cannot be trained", [f"it takes a further input {name!r}"])

    def _plan(self, targets: frozenset[str]) -> _Plan:
        """Needed steps in the graph's order. Memory: no more than the widest layer, when nothing needs gradients."""
        if targets in self._plans:
            return self._plans[targets]
        needed: set[int] = set()
        waiting = [self._made[name] for name in targets if name in self._made]
        while waiting:
            position = waiting.pop()
            if position not in needed:
                needed.add(position)
                waiting += [self._made[name] for name in self._steps[position].node.input if name in self._made]
        steps = sorted(needed)
        last = {name: at for at in steps for name in (*self._steps[at].node.output, *self._steps[at].node.input)}
        forgotten: dict[int, list[str]] = {at: [] for at in steps}
        for name, at in last.items():
            if name not in targets:
                forgotten[at].append(name)
        plan = _Plan(tuple(steps), tuple(tuple(forgotten[at]) for at in steps))
        self._plans[targets] = plan
        return plan
