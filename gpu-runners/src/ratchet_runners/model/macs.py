"""Multiply-accumulate operations for one row, node by node.

Counts follow the definitions of the operators (ONNX operator schemas): one multiplication with its addition is one
operation; biases, activations and normalisations are not counted, as is usual in the literature on compression.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, inliner

from ratchet_runners.data.rows import Inputs
from ratchet_runners.model.graph import attributes_of, copy_of, kind_of

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]


class _Unknown(Exception):
    """A shape that the count needs is not known."""


@dataclass(frozen=True)
class Macs:
    """`nodes` has an entry for every node that multiplies, by name; `uncounted` names those whose work is unknown."""

    nodes: dict[str, int]
    uncounted: tuple[str, ...]

    @property
    def total(self) -> int | None:
        """None where something could not be counted."""
        return None if self.uncounted else sum(self.nodes.values())


def count_macs(model: onnx.ModelProto, row: Inputs | None = None) -> Macs:
    """Operations for a batch of one. `row` is one real row, shape `(1, …)`: where shapes cannot be inferred the model
    is run on it (without one, on zeros; shapes alone are read).

    Nodes in the branches of an `If` count with the larger branch; in `Loop` and `Scan` they are uncounted, because
    nobody knows how often they run.
    """
    plain = copy_of(inliner.inline_local_functions(model) if model.functions else model)
    _name_all(plain.graph)
    _fix_batch(plain, row)
    plain = _inferred(plain)
    shapes = _shapes_of(plain.graph)
    if any(_needs(node, shapes) for node in plain.graph.node):
        shapes = {**shapes, **_observed(plain, row)}
    found: dict[str, int] = {}
    uncounted: list[str] = []
    _count(plain.graph, shapes, found, uncounted)
    return Macs(found, tuple(uncounted))


def _count(graph: onnx.GraphProto, shapes: Shapes, found: dict[str, int], uncounted: list[str]) -> None:
    known = {**_shapes_of(graph), **shapes}
    for node in graph.node:
        kind = kind_of(node)
        if kind in COUNTS:
            try:
                found[node.name] = COUNTS[kind](node, known)
            except (_Unknown, IndexError, ValueError):
                uncounted.append(node.name)
        elif kind == "If":
            _count_branches(node, known, found, uncounted)
        elif kind in ("Loop", "Scan", "SequenceMap"):
            uncounted += [inner.name for inner in _inside(node) if kind_of(inner) in COUNTS]


def _count_branches(node: onnx.NodeProto, shapes: Shapes, found: dict[str, int], uncounted: list[str]) -> None:
    branches: list[dict[str, int]] = []
    for attribute in node.attribute:
        if attribute.HasField("g"):
            branch: dict[str, int] = {}
            _count(attribute.g, shapes, branch, uncounted)
            branches.append(branch)
    found.update(max(branches, key=lambda branch: sum(branch.values()), default={}))


def _inside(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    return [inner for attribute in node.attribute if attribute.HasField("g") for inner in attribute.g.node]


def _known(shapes: Shapes, name: str) -> Shape:
    shape = shapes.get(name)
    if shape is None or any(size < 0 for size in shape):
        raise _Unknown(name)
    return shape


def _needs(node: onnx.NodeProto, shapes: Shapes) -> bool:
    """Whether a count at the top level fails with these shapes."""
    if kind_of(node) not in COUNTS:
        return False
    try:
        COUNTS[kind_of(node)](node, shapes)
    except (_Unknown, IndexError, ValueError):
        return True
    return False


def _fix_batch(model: onnx.ModelProto, row: Inputs | None) -> None:
    """One row: the input takes the row's shape, without one a batch of one; old records would contradict."""
    constants = {tensor.name for tensor in model.graph.initializer}
    del model.graph.value_info[:]
    inputs = [value for value in model.graph.input if value.name not in constants]
    for value in inputs:
        dimensions = value.type.tensor_type.shape.dim
        sizes = row.shape if row is not None and value is inputs[0] and row.ndim == len(dimensions) else (1,)
        for dimension, size in zip(dimensions, sizes, strict=False):
            if not dimension.HasField("dim_value"):
                dimension.dim_value = size
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")


def _name_all(graph: onnx.GraphProto) -> None:
    taken: set[str] = set()
    for position, node in enumerate(graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{position}"
        taken.add(node.name)


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception:  # inference throws on contradictions that ONNX Runtime lives with
        return model


def _shapes_of(graph: onnx.GraphProto) -> dict[str, Shape]:
    found: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in [*graph.value_info, *graph.input, *graph.output]:
        tensor = value.type.tensor_type
        if tensor.HasField("shape"):
            found[value.name] = tuple(size.dim_value if size.HasField("dim_value") else -1 for size in tensor.shape.dim)
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    found[node.output[0]] = tuple(attribute.t.dims)
    return found


def _observed(model: onnx.ModelProto, row: Inputs | None) -> dict[str, Shape]:
    """Shapes as ONNX Runtime computes them, of everything that a counted node takes or makes."""
    wanted: dict[str, None] = {}
    for node in model.graph.node:
        if kind_of(node) in COUNTS:
            wanted.update(dict.fromkeys([name for name in (*node.input, *node.output) if name]))
    made = {name for node in model.graph.node for name in node.output if name}
    names = [name for name in wanted if name in made]
    tapped = copy_of(model)
    del tapped.graph.value_info[:]
    present = {value.name for value in tapped.graph.output}
    tapped.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names if name not in present)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = ort.InferenceSession(tapped.SerializeToString(), options, providers=["CPUExecutionProvider"])
        values = session.run(names, _feed(tapped, row))  # a dimension that nobody knows, -1, makes no zeros: it throws
    except Exception:  # what cannot run stays uncounted, and the figures say so
        return {}
    return {name: np.asarray(value).shape for name, value in zip(names, values, strict=True)}


def _feed(model: onnx.ModelProto, row: Inputs | None) -> dict[str, Inputs]:
    constants = {tensor.name for tensor in model.graph.initializer}
    feed: dict[str, Inputs] = {}
    for value in model.graph.input:
        if value.name in constants:
            continue
        tensor = value.type.tensor_type
        kind = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        shape = tuple(size.dim_value if size.HasField("dim_value") else -1 for size in tensor.shape.dim)
        feed[value.name] = np.asarray(row, dtype=kind) if row is not None and not feed else np.zeros(shape, dtype=kind)
    return feed


Count = Callable[[onnx.NodeProto, Shapes], int]


def _conv(weight: int) -> Count:
    """Every output number takes one product per weight of its filter (kernel × input channels of its group)."""
    return lambda node, shapes: (
        math.prod(_known(shapes, node.output[0])) * math.prod(_known(shapes, node.input[weight])[1:])
    )


def _conv_transpose(node: onnx.NodeProto, shapes: Shapes) -> int:
    return math.prod(_known(shapes, node.input[0])) * math.prod(_known(shapes, node.input[1])[1:])


def _product(left: int = 0) -> Count:
    """Matrix products, with any batch before them: every output number is a sum over the inner dimension."""

    def count(node: onnx.NodeProto, shapes: Shapes) -> int:
        shape = _known(shapes, node.input[left])
        turned = bool(attributes_of(node).get("transA", 0)) and len(shape) > 1
        return math.prod(_known(shapes, node.output[0])) * shape[-2 if turned else -1]

    return count


def _blocks(node: onnx.NodeProto, shapes: Shapes) -> int:
    return math.prod(_known(shapes, node.output[0])) * int(attributes_of(node)["K"])


def _recurrent(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Each step of each row multiplies the input weights and the recurrent weights once."""
    sequence = _known(shapes, node.input[0])
    weights = math.prod(_known(shapes, node.input[1])) + math.prod(_known(shapes, node.input[2]))
    return sequence[0] * sequence[1] * weights


def _attention(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Scaled dot products: queries × keys, then probabilities × values; packed projections where weights are given."""
    if kind_of(node) == "com.microsoft::Attention":
        rows, weights = _known(shapes, node.input[0]), _known(shapes, node.input[1])
        return math.prod(rows) * weights[1] + 2 * rows[0] * rows[1] ** 2 * (weights[1] // 3)
    keys = _known(shapes, node.input[1])
    return (math.prod(_known(shapes, node.input[0])) + math.prod(_known(shapes, node.output[0]))) * keys[-2]


def _einsum(node: onnx.NodeProto, shapes: Shapes) -> int:
    """One product per combination of all indices, for two operands; more operands are not counted."""
    terms = str(attributes_of(node)["equation"]).replace(" ", "").partition("->")[0].split(",")
    if len(terms) != 2 or "..." in "".join(terms):
        raise _Unknown(node.name)
    sizes: dict[str, int] = {}
    for term, name in zip(terms, node.input, strict=True):
        for label, size in zip(term, _known(shapes, name), strict=True):
            sizes[label] = max(sizes.get(label, 1), size)
    return math.prod(sizes.values())


#: How each operator is counted. An operator that is not here multiplies no weights and no batches.
COUNTS: dict[str, Count] = {
    "Conv": _conv(1),
    "com.microsoft::FusedConv": _conv(1),
    "ConvInteger": _conv(1),
    "QLinearConv": _conv(3),
    "com.microsoft::QLinearConv": _conv(3),
    "ConvTranspose": _conv_transpose,
    "Gemm": _product(),
    "com.microsoft::QGemm": _product(),
    "MatMul": _product(),
    "MatMulInteger": _product(),
    "QLinearMatMul": _product(),
    "com.microsoft::FusedMatMul": _product(),
    "com.microsoft::MatMulIntegerToFloat": _product(),
    "com.microsoft::DynamicQuantizeMatMul": _product(),
    "com.microsoft::MatMulNBits": _blocks,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
    "com.microsoft::DynamicQuantizeLSTM": _recurrent,
    "Attention": _attention,
    "com.microsoft::Attention": _attention,
    "com.microsoft::MultiHeadAttention": _attention,
    "Einsum": _einsum,
}
