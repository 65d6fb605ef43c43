"""What every ONNX operator means in torch. Fails closed: what is not here is not guessed."""

from ratchet_runners.engine.operators import (
    activations,
    arithmetic,
    attention,
    creation,
    fused,
    indexing,
    linear,
    logic,
    normalisation,
    padding,
    pooling,
    recurrent,
    reductions,
    resizing,
    shape,
)
from ratchet_runners.engine.operators.registry import OPERATORS, Operator

__all__ = [
    "OPERATORS",
    "Operator",
    "activations",
    "arithmetic",
    "attention",
    "creation",
    "fused",
    "indexing",
    "linear",
    "logic",
    "normalisation",
    "padding",
    "pooling",
    "recurrent",
    "reductions",
    "resizing",
    "shape",
]
