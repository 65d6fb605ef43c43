"""A graph that can be asked and changed: who makes a tensor, who uses it, what is constant, which shape it has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

Array = npt.NDArray[Any]

DEFAULT_DOMAINS = ("", "ai.onnx")


def kind_of(node: onnx.NodeProto) -> str:
    """The operator's name; one of another domain as `domain::Name`."""
    return node.op_type if node.domain in DEFAULT_DOMAINS else f"{node.domain}::{node.op_type}"


def attributes_of(node: onnx.NodeProto) -> dict[str, Any]:
    """Attributes as Python values; texts decoded."""
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        value: Any = helper.get_attribute_value(attribute)
        if attribute.type == onnx.AttributeProto.STRINGS:
            value = [text.decode() for text in value]
        found[attribute.name] = value.decode() if isinstance(value, bytes) else value
    return found


def opset_of(model: onnx.ModelProto) -> int:
    """The version of the default operator set; 0 where the model imports none."""
    return next((entry.version for entry in model.opset_import if entry.domain in DEFAULT_DOMAINS), 0)


def copy_of(model: onnx.ModelProto) -> onnx.ModelProto:
    made = onnx.ModelProto()
    made.CopyFrom(model)
    return made


def constant_of(node: onnx.NodeProto) -> Array | None:
    """The value of a Constant node in any of the forms of the standard; None for texts and sparse tensors."""
    for attribute in node.attribute:
        value: Any = helper.get_attribute_value(attribute)
        if attribute.name == "value":
            return numpy_helper.to_array(value)
        if attribute.name in ("value_float", "value_floats"):
            return np.asarray(value, dtype=np.float32)
        if attribute.name in ("value_int", "value_ints"):
            return np.asarray(value, dtype=np.int64)
    return None


class Graph:
    """An index over a model that it owns: `Graph(copy_of(model))` where the caller wants to keep the original.

    Reading is cheap; after adding or removing nodes by hand call `reindex`. Constants are initializers alone (a
    normalised model has no Constant nodes).
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.reindex()

    def reindex(self) -> None:
        self.nodes: dict[str, onnx.NodeProto] = {node.name: node for node in self.model.graph.node}
        self._initializers = {tensor.name: tensor for tensor in self.model.graph.initializer}
        self._producer = {name: node for node in self.model.graph.node for name in node.output if name}
        self._consumers: dict[str, list[onnx.NodeProto]] = {}
        for node in self.model.graph.node:
            for name in dict.fromkeys(node.input):
                if name:
                    self._consumers.setdefault(name, []).append(node)

    @property
    def inputs(self) -> list[str]:
        return [value.name for value in self.model.graph.input if value.name not in self._initializers]

    @property
    def outputs(self) -> list[str]:
        return [value.name for value in self.model.graph.output]

    @property
    def constant_names(self) -> list[str]:
        return list(self._initializers)

    def is_constant(self, name: str) -> bool:
        return name in self._initializers

    def constant(self, name: str) -> Array:
        """A copy of the constant's value. KeyError where the tensor is not constant."""
        return numpy_helper.to_array(self._initializers[name]).copy()

    def producer(self, name: str) -> onnx.NodeProto | None:
        """The node that makes a tensor; None for inputs and constants."""
        return self._producer.get(name)

    def consumers(self, name: str) -> list[onnx.NodeProto]:
        return list(self._consumers.get(name, ()))

    def fresh_name(self, wish: str) -> str:
        """`wish`, or with a number behind it where a tensor or node has that name already."""
        taken = self._initializers.keys() | self._producer.keys() | self.nodes.keys() | set(self.inputs)
        name, number = wish, 1
        while name in taken:
            name, number = f"{wish}_{number}", number + 1
        return name

    def set_constant(self, name: str, value: Array) -> None:
        """Replaces a constant (any shape and type, as raw bytes), or adds one."""
        tensor = numpy_helper.from_array(np.asarray(value, order="C"), name)
        if name in self._initializers:
            self._initializers[name].CopyFrom(tensor)
        else:
            self._initializers[name] = self.model.graph.initializer.add()
            self._initializers[name].CopyFrom(tensor)

    def rename_input(self, node: onnx.NodeProto, old: str, new: str) -> None:
        """Makes one node take another tensor; the index follows."""
        for position, name in enumerate(node.input):
            if name == old:
                node.input[position] = new
        self._consumers[old] = [other for other in self._consumers.get(old, []) if other is not node]
        self._consumers.setdefault(new, []).append(node)

    def insert(self, nodes: Iterable[onnx.NodeProto]) -> None:
        """Adds nodes anywhere; `sort` must follow before the model is used."""
        self.model.graph.node.extend(nodes)
        self.reindex()

    def remove(self, nodes: Iterable[onnx.NodeProto]) -> None:
        """Removes nodes by name."""
        gone = {node.name for node in nodes}
        kept = [node for node in self.model.graph.node if node.name not in gone]
        del self.model.graph.node[:]
        self.model.graph.node.extend(kept)
        self.reindex()

    def drop_unused_constants(self) -> None:
        used = set(self._consumers) | set(self.outputs)
        kept = [tensor for tensor in self.model.graph.initializer if tensor.name in used]
        if len(kept) != len(self.model.graph.initializer):
            del self.model.graph.initializer[:]
            self.model.graph.initializer.extend(kept)
            self.reindex()

    def sort(self) -> None:
        """Nodes in an order in which everything is made before it is used; the present order decides between equals."""
        ready = set(self._initializers) | {value.name for value in self.model.graph.input} | {""}
        waiting, ordered = list(self.model.graph.node), list[onnx.NodeProto]()
        while waiting:
            later: list[onnx.NodeProto] = []
            for node in waiting:
                if all(name in ready for name in node.input):
                    ordered.append(node)
                    ready.update(node.output)
                else:
                    later.append(node)
            if len(later) == len(waiting):
                raise ValueError(f"The graph has a cycle or lacks a tensor at {later[0].name or later[0].op_type}")
            waiting = later
        del self.model.graph.node[:]
        self.model.graph.node.extend(ordered)
        self.reindex()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by ONNX's own inference, -1 where a dimension is free; tensors of unknown rank are left out."""
        inferred = onnx.shape_inference.infer_shapes(self.model, data_prop=True)
        found: dict[str, tuple[int, ...]] = {tensor.name: tuple(tensor.dims) for tensor in inferred.graph.initializer}
        for value in [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]:
            tensor = value.type.tensor_type
            if tensor.HasField("shape"):
                found[value.name] = tuple(
                    size.dim_value if size.HasField("dim_value") else -1 for size in tensor.shape.dim
                )
        return found
