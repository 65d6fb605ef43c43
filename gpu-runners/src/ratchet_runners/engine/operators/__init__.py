"""What every ONNX operator means in torch. Fails closed: what is not here is not guessed."""

from ratchet_runners.engine.operators import linear, pointwise, pooling, shape
from ratchet_runners.engine.operators.registry import OPERATORS, Operator

__all__ = ["OPERATORS", "Operator", "linear", "pointwise", "pooling", "shape"]
