"""An ONNX graph as a torch module whose float weights can be trained and written back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

from ratchet_runners.engine.operators import OPERATORS
from ratchet_runners.engine.operators.registry import Attributes, UnsupportedForm
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import DEFAULT_DOMAINS, attributes_of, kind_of

#: Inputs that are settings or statistics rather than weights.
FROZEN_INPUTS = {"BatchNormalization": (3, 4), "Clip": (1, 2), "Pad": (1, 2, 3), "Pow": (1,)}


def unsupported_operators(model: onnx.ModelProto) -> list[str]:
    """The operators that stand in the way of training, sorted."""
    return sorted(
        {kind_of(node) for node in model.graph.node if node.op_type != "Constant" and kind_of(node) not in OPERATORS}
    )


class GraphModule(nn.Module):
    """Runs the graph node by node. Parameters are the float initializers; topology and names stay the graph's own."""

    def __init__(self, model: onnx.ModelProto, input_name: str, output_name: str) -> None:
        """@throws ModelUnusable with the list of operators that are not supported"""
        super().__init__()
        missing = unsupported_operators(model)
        if missing:
            raise ModelUnusable(
                "The model cannot be trained: the graph engine does not know all of its operators",
                [f"operator {name}" for name in missing],
            )
        self._model = model
        self._input, self._output = input_name, output_name
        self._nodes = [node for node in model.graph.node if node.op_type != "Constant"]
        opsets = {
            "" if entry.domain in DEFAULT_DOMAINS else entry.domain: entry.version for entry in model.opset_import
        }
        self._forms = [
            Attributes(
                attributes_of(node),
                opsets.get("" if node.domain in DEFAULT_DOMAINS else node.domain, 1),
                node.output,
            )
            for node in self._nodes
        ]
        self._last_use = self._last_uses()
        trainable = _trainable(model)
        self._slots: dict[str, int] = {}
        self._constants: dict[str, torch.Tensor] = {}
        weights: list[nn.Parameter] = []
        for name, array in _constants(model).items():
            tensor = torch.from_numpy(array.copy())
            if name in trainable:
                self._slots[name] = len(weights)
                tensor = tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor
                weights.append(nn.Parameter(tensor))
            else:
                self._constants[name] = tensor
        self.weights = nn.ParameterList(weights)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """The named output. @throws ModelUnusable for a use of an operator that is not supported"""
        return self.tapped(rows, ())[0]

    def tapped(self, rows: torch.Tensor, taps: Collection[str]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The named output, and the tensors of these names on the way to it, e.g. for distillation of features.

        @throws ModelUnusable for a use of an operator that is not supported, or a name that no tensor has
        """
        if rows.dim() == 4:
            rows = rows.contiguous(memory_format=torch.channels_last)
        values: dict[str, torch.Tensor] = {self._input: rows}
        kept: dict[str, torch.Tensor] = {self._input: rows} if self._input in taps else {}
        for position, (node, form) in enumerate(zip(self._nodes, self._forms, strict=True)):
            inputs = [self._value(name, values) if name else None for name in node.input]
            try:
                made = OPERATORS[kind_of(node)](form, inputs)
            except UnsupportedForm as problem:
                raise ModelUnusable(
                    "The model cannot be trained", [f"operator {node.op_type} ({node.name}): {problem}"]
                ) from problem
            for name, value in zip(node.output, (made,) if isinstance(made, torch.Tensor) else made, strict=False):
                if name:
                    values[name] = value
                    if name in taps:
                        kept[name] = value
            for name in self._last_use[position]:
                values.pop(name, None)
        missing = set(taps) - kept.keys()
        if missing:
            raise ModelUnusable("The model has no such tensors", sorted(missing))
        return values[self._output], kept

    def write_back(self) -> onnx.ModelProto:
        """The same graph with the weights as they are now: names, topology and types kept."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        for tensor in model.graph.initializer:
            slot = self._slots.get(tensor.name)
            if slot is not None:
                array = self.weights[slot].detach().contiguous().cpu().numpy()
                tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), tensor.name))
        return model

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> GraphModule:
        """Constants move to another device together with the weights."""
        super()._apply(fn, recurse)
        self._constants = {name: fn(value) for name, value in self._constants.items()}
        return self

    def _value(self, name: str, values: dict[str, torch.Tensor]) -> torch.Tensor:
        if name in values:
            return values[name]
        if name in self._slots:
            return self.weights[self._slots[name]]
        return self._constants[name]

    def _last_uses(self) -> list[list[str]]:
        """What can be forgotten after each node, so that scoring needs no more memory than the widest layer."""
        last = {name: position for position, node in enumerate(self._nodes) for name in node.input}
        uses: list[list[str]] = [[] for _ in self._nodes]
        for name, position in last.items():
            if name != self._output:
                uses[position].append(name)
        return uses


def _constants(model: onnx.ModelProto) -> dict[str, np.ndarray[Any, Any]]:
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            value: Any = helper.get_attribute_value(node.attribute[0])
            found[node.output[0]] = (
                numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)
            )
    return found


def _trainable(model: onnx.ModelProto) -> set[str]:
    """Float initializers of more than one number that nothing uses as a setting or statistic."""
    names = {
        tensor.name
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and int(np.prod(tensor.dims or [1])) > 1
    }
    for node in model.graph.node:
        for position in FROZEN_INPUTS.get(node.op_type, ()):
            if position < len(node.input):
                names.discard(node.input[position])
    return names
