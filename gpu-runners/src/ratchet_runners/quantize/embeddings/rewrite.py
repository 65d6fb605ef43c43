"""Gather of a float table → Gather of integers × Gather of scales; of four bits two lie in a byte."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper

from ratchet_runners.model.graph import Array, Graph, attributes_of
from ratchet_runners.quantize.static.channels import integers_of, scales_of

#: Oldest operator set with `BitwiseAnd`, which takes a byte apart.
NIBBLES_OPSET = 18
#: What four bits are stored with, so that none is below zero.
OFFSET = 8


def tables_of(graph: Graph, minimum_numbers: int) -> list[str]:
    """Constant float tables of two axes that nothing but look-ups of whole rows takes, in the graph's order."""
    found: list[str] = []
    for node in graph.model.graph.node:
        name = node.input[0] if node.op_type == "Gather" else ""
        if name in found or not graph.is_constant(name) or name in graph.outputs:
            continue
        value = graph.constant(name)
        takers = graph.consumers(name)
        whole = all(taker.op_type == "Gather" and taker.input[1] != name and _by_rows(taker) for taker in takers)
        if whole and value.dtype == np.float32 and value.ndim == 2 and value.size >= minimum_numbers:
            found.append(name)
    return found


def quantize_tables(graph: Graph, tables: Sequence[str], bits: Literal[4, 8] = 8) -> None:
    """Replaces every look-up in these tables; what it gives keeps its name. `graph` is ready for use after it.

    Four bits need operator set 18 and tables of an even number of columns. ONNX Runtime's own look-up in blocks of four
    bits took twenty times as long as a look-up in floats where it was tried, these nodes two to three times.
    """
    made: list[onnx.NodeProto] = []
    for name in tables:
        table: Array = graph.constant(name)
        largest = 127 if bits == 8 else 7
        scales = scales_of(table, 0, largest, "min-max" if bits == 8 else "mean-squared-error")
        integers = integers_of(table, scales, 0, largest)
        scale = graph.fresh_name(f"{name}_row_scales")
        graph.set_constant(scale, scales.reshape(-1, 1))
        held = graph.fresh_name(f"{name}_rows")
        graph.set_constant(held, integers if bits == 8 else _packed(integers))
        for node in graph.consumers(name):
            chain = _Chain(graph, node, held)
            made += chain.scaled(_eight_bits(chain) if bits == 8 else _four_bits(chain), scale)
    graph.insert(made)
    graph.drop_unused_constants()
    graph.sort()


def _packed(integers: Array) -> Array:
    """(rows, columns) of -7..7 → (rows, columns / 2) bytes: the left half of the columns in the low four bits."""
    half = integers.shape[1] // 2
    shifted = (integers.astype(np.int16) + OFFSET).astype(np.uint8)
    return shifted[:, :half] | (shifted[:, half:] << 4)


def _eight_bits(chain: _Chain) -> str:
    return chain.add("Cast", [chain.looked_up()], "floats", to=TensorProto.FLOAT)


def _four_bits(chain: _Chain) -> str:
    pairs = chain.looked_up()
    low = chain.add("BitwiseAnd", [pairs, chain.constant("mask", np.uint8(15))], "low")
    high = chain.add("BitShift", [pairs, chain.constant("shift", np.uint8(4))], "high", direction="RIGHT")
    shifted = chain.add("Cast", [chain.add("Concat", [low, high], "both", axis=-1)], "shifted", to=TensorProto.FLOAT)
    return chain.add("Sub", [shifted, chain.constant("offset", np.float32(OFFSET))], "floats")


class _Chain:
    """Nodes between one look-up, which takes `held` from now on, and what it gave."""

    def __init__(self, graph: Graph, node: onnx.NodeProto, held: str) -> None:
        self._graph, self._node = graph, node
        self._ids, self._given = node.input[1], node.output[0]
        self._wish = node.name or held
        self._made: list[onnx.NodeProto] = []
        node.input[0] = held

    def looked_up(self) -> str:
        self._node.output[0] = f"{self._given}_integers"
        return self._node.output[0]

    def constant(self, part: str, value: np.generic) -> str:
        name = self._graph.fresh_name(f"{self._given}_{part}")
        self._graph.set_constant(name, np.asarray(value))
        return name

    def add(self, operator: str, taken: list[str], part: str, **attributes: Any) -> str:
        given = f"{self._given}_{part}"
        name = self._graph.fresh_name(f"{self._wish}_{part}")
        self._made.append(helper.make_node(operator, taken, [given], name=name, **attributes))
        return given

    def scaled(self, floats: str, scale: str) -> list[onnx.NodeProto]:
        """All nodes, the last of which gives what the look-up gave."""
        factors = self.add("Gather", [scale, self._ids], "scales", axis=0)
        name = self._graph.fresh_name(f"{self._wish}_scaled")
        return [*self._made, helper.make_node("Mul", [floats, factors], [self._given], name=name)]


def _by_rows(node: onnx.NodeProto) -> bool:
    return attributes_of(node).get("axis", 0) == 0
