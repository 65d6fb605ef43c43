"""Uses of known operators that the engine has no meaning for are refused with the reason, not guessed."""

from __future__ import annotations

import pytest
from onnx import TensorProto

from ratchet_runners.engine.operators.registry import UnsupportedForm
from support_operators import Case, answered, longs, numbers, one, tensors

floats, positive = numbers(4)
SMALL = (floats(2, 4, 6, 6),)
SEQUENCE = (floats(5, 3, 4), floats(1, 2, 4), floats(1, 2, 2))
HEADS = (floats(2, 3, 4, 6), floats(2, 3, 5, 6), floats(2, 3, 5, 6))
REFUSED = [
    (Case("MaxPool", SMALL, {"kernel_shape": [2, 2]}, outputs=2), "output 1"),
    (Case("Dropout", (*SMALL, one(0.5)), outputs=2), "output 1"),
    (Case("BatchNormalization", (*SMALL, *[positive(4)] * 4), {"training_mode": 1}), "training mode"),
    (Case("LRN", SMALL, {"size": 4}), "even number"),
    (Case("Squeeze", SMALL), "batch of one"),
    (Case("Resize", (*SMALL, None, positive(4)), {"antialias": 1}), "antialiasing"),
    (Case("Resize", (*SMALL, None, positive(4)), {"coordinate_transformation_mode": "tf_crop_and_resize"}), "tf_crop"),
    (Case("Cast", SMALL, {"to": TensorProto.STRING}), "string"),
    (Case("Cast", SMALL, {"to": TensorProto.UINT64}), "uint64"),
    (Case("BitShift", (longs(1), longs(2)), {"direction": "LEFT"}), "int64"),
    (Case("GRU", SEQUENCE, {"hidden_size": 2, "layout": 1}), "batch first"),
    (Case("RNN", SEQUENCE, {"hidden_size": 2, "clip": 1.0}), "clipped"),
    (Case("RNN", SEQUENCE, {"hidden_size": 2, "activations": ["Affine"]}), "activation Affine"),
    (Case("Attention", (*HEADS, None, *HEADS[1:])), "earlier steps"),
    (Case("Conv", (floats(1, 1, 2, 2, 2, 2), floats(1, 1, 1, 1, 1, 1))), "4 dimensions"),
    (Case("ConvTranspose", (*SMALL, floats(4, 1, 2, 2)), {"output_shape": [40, 40]}), "kernel reaches"),
    (Case("Pad", SMALL), "no pads"),
    (Case("com.microsoft::FusedMatMul", (*SMALL, *SMALL), {"transBatchA": 1}), "turned batches"),
    (Case("com.microsoft::FusedConv", (*SMALL, floats(1, 4, 1, 1)), {"activation": "Whirl"}), "Whirl"),
]


@pytest.mark.parametrize(("case", "reason"), REFUSED, ids=[str(case) for case, _ in REFUSED])
def test_what_is_not_known_is_refused_with_a_reason(case: Case, reason: str) -> None:
    with pytest.raises(UnsupportedForm, match=reason):
        answered(case, 18, tensors(case))
