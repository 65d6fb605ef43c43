"""What a graph costs before and after a removal, without making the graph."""

from __future__ import annotations

from math import prod

from ratchet_runners.model.graph import Array
from ratchet_runners.prune.groups import Structure
from ratchet_runners.prune.surgery import Gone
from ratchet_runners.prune.trace import kept_length


def macs(structure: Structure, gone: Gone) -> float:
    """Multiply-accumulate operations for one row; of layers and of products between activations."""
    return sum(
        product.fixed * prod(kept_length(labels, gone) for labels in product.axes)
        for product in structure.trace.products
    )


def weights(structure: Structure, gone: Gone) -> int:
    """Numbers in float constants."""
    trace, total = structure.trace, 0
    for name in trace.graph.constant_names:
        value: Array = trace.graph.constant(name)
        if value.dtype.kind != "f":
            continue
        axes = trace.axes.get(name) or [None] * value.ndim
        total += prod(
            size if labels is None else kept_length(labels, gone)
            for size, labels in zip(value.shape, axes, strict=True)
        )
    return total


def size_bytes(structure: Structure, gone: Gone) -> int:
    """Of the file: single-precision weights get fewer, the rest stays."""
    before = sum(
        trace_value.nbytes
        for trace_value in map(structure.trace.graph.constant, structure.trace.graph.constant_names)
        if trace_value.dtype.kind == "f"
    )
    return structure.model.ByteSize() - before + 4 * weights(structure, gone)
