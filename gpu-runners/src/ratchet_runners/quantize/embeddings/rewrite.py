"""Gather of a float table → Gather of integers × Gather of scales."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from ratchet_runners.model.graph import Array, Graph, attributes_of
from ratchet_runners.quantize.static.channels import integers_of, scales_of


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


def quantize_tables(graph: Graph, tables: list[str]) -> None:
    """Replaces every look-up in these tables; what it gives keeps its name. `graph` is ready for use after it."""
    made: list[onnx.NodeProto] = []
    for name in tables:
        table: Array = graph.constant(name)
        scales = scales_of(table, 0, 127, "min-max")
        held, scale = graph.fresh_name(f"{name}_rows"), graph.fresh_name(f"{name}_row_scales")
        graph.set_constant(held, integers_of(table, scales, 0, 127))
        graph.set_constant(scale, scales.reshape(-1, 1))
        for node in graph.consumers(name):
            wish = node.name or held
            integers, floats, factors = (f"{node.output[0]}_{part}" for part in ("integers", "floats", "scales"))
            ids, given = node.input[1], node.output[0]
            node.input[0] = held
            node.output[0] = integers
            made += [
                helper.make_node("Gather", [scale, ids], [factors], name=graph.fresh_name(f"{wish}_scales"), axis=0),
                helper.make_node(
                    "Cast", [integers], [floats], name=graph.fresh_name(f"{wish}_floats"), to=TensorProto.FLOAT
                ),
                helper.make_node("Mul", [floats, factors], [given], name=graph.fresh_name(f"{wish}_scaled")),
            ]
    graph.insert(made)
    graph.drop_unused_constants()
    graph.sort()


def _by_rows(node: onnx.NodeProto) -> bool:
    return attributes_of(node).get("axis", 0) == 0
