"""What part a weighted node plays in the model, so that parts can be named: attention, feed-forward, first, last."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import onnx

from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import Graph
from ratchet_runners.quantize.static.islands import WEIGHTED

#: Parts that pins may name beside nodes.
PARTS = ("attention", "feed-forward", "first", "last")

#: Attention as one operator: everything weighted that it takes and what takes its answer belongs to it.
FUSED_ATTENTION = frozenset({"Attention", "MultiHeadAttention", "GroupQueryAttention"})


def pinned_nodes(model: onnx.ModelProto, pins: Collection[str], weighted: list[str]) -> set[str]:
    """The weighted nodes that the pins name, by their own name or by their part. @throws ModelUnusable"""
    if not pins:
        return set()
    parts = parts_of(model, weighted)
    unknown = sorted(set(pins) - set(PARTS) - set(weighted))
    if unknown:
        names = ", ".join(weighted[:20])
        raise ModelUnusable(
            "A pin names nothing that could be quantized",
            [f"{name!r} is neither {', '.join(PARTS)} nor one of {names}" for name in unknown],
        )
    return {name for name in weighted if name in pins or parts[name] & set(pins)}


def parts_of(model: onnx.ModelProto, weighted: list[str]) -> dict[str, set[str]]:
    """The parts of every weighted node. `weighted` is in the graph's order."""
    graph = Graph(model)
    found: dict[str, set[str]] = {name: set() for name in weighted}
    attention = _attention(graph, weighted)
    for name in weighted:
        if name in attention:
            found[name].add("attention")
        elif attention and graph.nodes[name].op_type in ("MatMul", "Gemm") and _pair(graph, name, weighted, attention):
            found[name].add("feed-forward")
    if weighted:
        found[weighted[0]].add("first")
        found[weighted[-1]].add("last")
    return found


def _attention(graph: Graph, weighted: Collection[str]) -> set[str]:
    """Projections into a product with soft-maxed scores, and those of its answer."""
    cores: list[onnx.NodeProto] = []
    for node in graph.model.graph.node:
        scores = node.op_type == "MatMul" and _is_product(graph, node) and _after_softmax(graph, node)
        if node.op_type in FUSED_ATTENTION or scores:
            cores.append(node)
    found: set[str] = set()
    for core in cores:
        found |= _nearest(graph, core.input, weighted, backwards=True)
        found |= _nearest(graph, core.output, weighted, backwards=False)
    return found


def _is_product(graph: Graph, node: onnx.NodeProto) -> bool:
    return not any(graph.is_constant(name) for name in node.input)


def _after_softmax(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether the first factor comes from a soft-max by way of operators with one input that matters."""
    name = node.input[0]
    for _ in range(6):
        producer = graph.producer(name)
        if producer is None:
            return False
        if producer.op_type == "Softmax":
            return True
        name = producer.input[1] if producer.op_type == "Where" and len(producer.input) > 2 else producer.input[0]
        if producer.op_type == "Where" and graph.producer(name) is None:
            name = producer.input[2]
    return False


def _nearest(graph: Graph, tensors: Iterable[str], weighted: Collection[str], backwards: bool) -> set[str]:
    """The weighted nodes that are met first on every way from `tensors`."""
    found: set[str] = set()
    seen: set[str] = set()
    ways = list(tensors)
    while ways:
        name = ways.pop()
        if name in seen:
            continue
        seen.add(name)
        producer = graph.producer(name)
        nodes = ([producer] if producer is not None else []) if backwards else graph.consumers(name)
        for node in nodes:
            if node.name in weighted:
                found.add(node.name)
            elif backwards or node.op_type != "Add" or any(graph.is_constant(other) for other in node.input):
                ways += node.input if backwards else node.output
    return found


def _pair(graph: Graph, name: str, weighted: Collection[str], attention: Collection[str]) -> bool:
    """Whether the node widens towards, or narrows from, another weighted product that is no attention either."""
    own = graph.nodes[name]
    after = _nearest(graph, own.output, weighted, backwards=False) - set(attention)
    before = _nearest(graph, [own.input[0]], weighted, backwards=True) - set(attention)
    return any(_matched(graph, own, graph.nodes[other]) for other in after) or any(
        _matched(graph, graph.nodes[other], own) for other in before
    )


def _matched(graph: Graph, first: onnx.NodeProto, second: onnx.NodeProto) -> bool:
    """Whether the first gives as many features as the second takes, and the second gives what the first takes."""
    if first.op_type not in ("MatMul", "Gemm") or second.op_type not in ("MatMul", "Gemm"):
        return False
    (taken, given), (between, back) = (_features(graph, node) for node in (first, second))
    return given == between and taken == back


def _features(graph: Graph, node: onnx.NodeProto) -> tuple[int, int]:
    shape = graph.constant(node.input[WEIGHTED[node.op_type]]).shape
    transposed = node.op_type == "Gemm" and any(item.name == "transB" and item.i for item in node.attribute)
    return (shape[-1], shape[-2]) if transposed else (shape[-2], shape[-1])
