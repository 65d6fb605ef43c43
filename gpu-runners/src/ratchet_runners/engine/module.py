"""An ONNX graph as a torch module whose float weights can be trained and written back."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

from ratchet_runners.engine.operators import OPERATORS
from ratchet_runners.engine.operators.registry import UnsupportedForm
from ratchet_runners.faults import ModelUnusable

#: Inputs that are settings or statistics rather than weights.
FROZEN_INPUTS = {"BatchNormalization": (3, 4), "Clip": (1, 2), "Pad": (1, 2, 3), "Pow": (1,)}


def unsupported_operators(model: onnx.ModelProto) -> list[str]:
    """The operators that stand in the way of training, sorted."""
    return sorted(
        {
            f"{node.domain}::{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
            for node in model.graph.node
            if node.op_type != "Constant"
            and (node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS or len(node.output) > 1)
        }
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
        self._attributes = [_attributes(node) for node in self._nodes]
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
        if rows.dim() == 4:
            rows = rows.contiguous(memory_format=torch.channels_last)
        values: dict[str, torch.Tensor] = {self._input: rows}
        for position, (node, attributes) in enumerate(zip(self._nodes, self._attributes, strict=True)):
            inputs = [self._value(name, values) if name else None for name in node.input]
            try:
                values[node.output[0]] = OPERATORS[node.op_type](attributes, inputs)
            except UnsupportedForm as form:
                raise ModelUnusable(
                    "The model cannot be trained", [f"operator {node.op_type} ({node.name}): {form}"]
                ) from form
            for name in self._last_use[position]:
                values.pop(name, None)
        return values[self._output]

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


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        value: Any = helper.get_attribute_value(attribute)
        found[attribute.name] = value.decode() if isinstance(value, bytes) else value
    return found


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
