"""Conformance cases: operators on single numbers, comparisons, reductions, extremes."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from support_operators import Case, longs, numbers, one

floats, positive = numbers(1)
MATRIX, CUBE, IMAGE = (3, 5), (2, 3, 4), (2, 4, 3, 5)
ints = np.array([[-7, 4, 3], [9, -2, 5]], dtype=np.int64)
other = np.array([[3, -4, 2], [-2, 5, 3]], dtype=np.int64)
truth = np.array([[True, False, True], [False, False, True]])
falsity = np.array([True, True, False])
halves = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.3], dtype=np.float32)
special = np.array([np.nan, np.inf, -np.inf, 1.0], dtype=np.float32)
far = np.array([[-30.0, -4.0, 0.2, 4.0, 30.0]], dtype=np.float32)
ties = np.array([[1, 3, 3, 0], [2, 2, 1, 2]], dtype=np.float32)

ACTIVATIONS = [
    *(
        Case(name, (x,))
        for name in (
            "Relu",
            "LeakyRelu",
            "Elu",
            "Selu",
            "Celu",
            "Gelu",
            "Mish",
            "Sigmoid",
            "HardSigmoid",
            "HardSwish",
            "Softplus",
            "Softsign",
            "Shrink",
            "Tanh",
            "Erf",
            "ThresholdedRelu",
        )
        for x in (floats(*CUBE), far)
    ),
    Case("LeakyRelu", (floats(*MATRIX),), {"alpha": 0.2}),
    Case("PRelu", (floats(*IMAGE), positive(4, 1, 1))),
    Case("PRelu", (floats(*MATRIX), floats(5))),
    Case("Elu", (floats(*MATRIX),), {"alpha": 0.7}),
    Case("Selu", (floats(*MATRIX),), {"alpha": 1.5, "gamma": 1.2}),
    Case("Celu", (floats(*MATRIX),), {"alpha": 2.0}),
    Case("Gelu", (floats(*MATRIX),), {"approximate": "tanh"}),
    Case("HardSigmoid", (floats(*MATRIX),), {"alpha": 0.4, "beta": 0.3}),
    Case("Shrink", (floats(*MATRIX),), {"lambd": 0.8, "bias": 0.3}),
    Case("ThresholdedRelu", (floats(*MATRIX),), {"alpha": 0.3}),
    *(
        Case(name, (floats(*shape),), attributes)
        for name in ("Softmax", "LogSoftmax", "Hardmax")
        for shape, attributes in (
            (MATRIX, {}),
            (CUBE, {}),
            (CUBE, {"axis": 1}),
            (IMAGE, {"axis": 2}),
            (IMAGE, {"axis": -1}),
            (CUBE, {"axis": 0}),
        )
    ),
    Case("Hardmax", (ties,)),
]

ARITHMETIC = [
    *(Case(name, (floats(*IMAGE), floats(4, 1, 1))) for name in ("Add", "Sub", "Mul", "Min", "Max")),
    *(Case(name, (floats(1, 5), floats(*MATRIX))) for name in ("Add", "Sub", "Mul")),
    *(Case(name, (ints, other)) for name in ("Add", "Sub", "Mul", "Div", "Mod")),
    *(Case(name, (ints.astype(np.int32), other.astype(np.int32))) for name in ("Add", "Div", "Mod")),
    *(Case(name, (ints, other), first=12) for name in ("Min", "Max")),
    Case("Div", (floats(*MATRIX), positive(5))),
    Case("Mod", (floats(*MATRIX), positive(5)), {"fmod": 1}),
    Case("Mod", (ints, other), {"fmod": 1}),
    Case("Pow", (positive(*MATRIX), one(2.5))),
    Case("Pow", (floats(*MATRIX), np.array([2.0], np.float32))),
    Case("Pow", (positive(*MATRIX), floats(5))),
    Case("Pow", (ints, longs(2, 3, 1)), first=12),
    Case("Pow", (ints, np.array([2.0, 1.0, 0.0], np.float32)), first=12),
    *(Case(name, (floats(*MATRIX), floats(5), floats(3, 1))) for name in ("Min", "Max", "Sum", "Mean")),
    *(Case(name, (floats(*MATRIX),)) for name in ("Min", "Max", "Sum", "Mean")),
    Case("BitShift", (np.array([1, 5, 200], np.uint8), np.array([1, 2, 3], np.uint8)), {"direction": "LEFT"}),
    Case("BitShift", (np.array([1, 5, 200], np.uint8), np.array([1, 2, 3], np.uint8)), {"direction": "RIGHT"}),
    *(
        Case(name, (floats(*MATRIX),))
        for name in ("Abs", "Neg", "Exp", "Sign", "Sin", "Cos", "Tan", "Sinh", "Cosh", "Atan", "Asinh")
    ),
    *(Case(name, (positive(*MATRIX),)) for name in ("Sqrt", "Log", "Reciprocal")),
    *(Case(name, (positive(*MATRIX) / 2,)) for name in ("Asin", "Acos", "Atanh")),
    *(Case(name, (floats(*MATRIX) * 3,)) for name in ("Floor", "Ceil")),
    *(Case(name, (ints,)) for name in ("Abs", "Neg", "Sign")),
    Case("Acosh", (positive(*MATRIX) + 1,)),
    Case("Round", (halves,), smooth=False),
    Case("Clip", (floats(*MATRIX), one(-0.5), one(0.5))),
    Case("Clip", (floats(*MATRIX), None, one(0.1))),
    Case("Clip", (floats(*MATRIX), one(0.1))),
    Case("Clip", (floats(*MATRIX), one(0.5), one(-0.5))),
    Case("Clip", (floats(*MATRIX),)),
    Case("Clip", (ints, np.array(-1, np.int64), np.array(4, np.int64)), first=12),
    Case("CumSum", (floats(*CUBE), np.array(1, np.int64))),
    Case("CumSum", (floats(*CUBE), np.array(-1, np.int32)), {"exclusive": 1}),
    Case("CumSum", (floats(*CUBE), np.array(0, np.int64)), {"reverse": 1}),
    Case("CumSum", (ints, np.array(1, np.int64)), {"reverse": 1, "exclusive": 1}),
    Case("Det", (floats(2, 3, 3),)),
    Case("Det", (floats(3, 3),)),
]

LOGIC = [
    *(
        Case(name, (floats(*MATRIX), floats(5)))
        for name in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
    ),
    *(Case(name, (ints, other)) for name in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")),
    *(Case(name, (ties, ties[:1])) for name in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")),
    Case("Equal", (truth, falsity)),
    *(Case(name, (truth, falsity)) for name in ("And", "Or", "Xor")),
    Case("Not", (truth,)),
    *(Case(name, (ints, other)) for name in ("BitwiseAnd", "BitwiseOr", "BitwiseXor")),
    Case("BitwiseNot", (ints.astype(np.int32),)),
    Case("Where", (truth, floats(2, 3), floats(3))),
    Case("Where", (truth, ints, other)),
    Case("Where", (truth, one(-np.inf), floats(2, 3))),
    Case("IsNaN", (special,)),
    Case("IsInf", (special,)),
    Case("IsInf", (special,), {"detect_negative": 0}),
    Case("IsInf", (special,), {"detect_positive": 0}),
]

REDUCE = (
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
)
#: The operator set from which axes are an input.
AXES_INPUT = dict.fromkeys(REDUCE, 18) | {"ReduceSum": 13}
REDUCTIONS = [
    *(
        Case(name, (positive(*CUBE),), attributes, last=AXES_INPUT[name] - 1)
        for name in REDUCE
        for attributes in ({"axes": [1]}, {"axes": [0, -1], "keepdims": 0}, {"keepdims": 0}, {})
    ),
    *(
        Case(name, (positive(*CUBE), axes), attributes, first=AXES_INPUT[name])
        for name in REDUCE
        for axes, attributes in ((longs(1), {}), (longs(0, -1), {"keepdims": 0}))
    ),
    *(
        Case(name, (positive(*CUBE),), attributes, first=AXES_INPUT[name])
        for name in REDUCE
        for attributes in ({}, {"keepdims": 0}, {"noop_with_empty_axes": 1})
    ),
    *(
        Case(name, (ints, longs(0)), {"keepdims": 0}, first=18)
        for name in ("ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd")
    ),
    Case("ReduceMean", (ints.astype(np.int32), longs(1)), first=18),
    Case("ReduceMax", (truth, longs(1)), first=20),
    Case("ReduceMin", (truth, longs(1)), first=20),
    *(
        Case(name, (x,), attributes)
        for name in ("ArgMax", "ArgMin")
        for x, attributes in ((floats(*CUBE), {}), (floats(*CUBE), {"axis": -1, "keepdims": 0}), (ties, {"axis": 1}))
    ),
    *(Case(name, (ties,), {"axis": 1, "select_last_index": 1}, first=12) for name in ("ArgMax", "ArgMin")),
    Case("TopK", (floats(*CUBE), longs(2)), outputs=2),
    Case("TopK", (floats(*CUBE), longs(2)), {"axis": 1, "largest": 0}, outputs=2),
    Case("TopK", (ties, longs(3)), {"axis": 1}, outputs=2, smooth=False),
    Case("TopK", (ints, longs(2)), {"axis": -1}, outputs=2),
]

CREATION = [
    *(
        Case("Cast", (x,), {"to": to}, smooth=False)
        for x in (floats(*MATRIX) * 3, ints, truth)
        for to in (TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL, TensorProto.DOUBLE)
    ),
    Case("Cast", (floats(*MATRIX),), {"to": TensorProto.FLOAT16}, smooth=False),
    Case("CastLike", (ints, floats(1)), smooth=False),
    Case("CastLike", (floats(*MATRIX) * 3, ints), smooth=False),
    Case("Range", (np.array(2, np.int64), np.array(9, np.int64), np.array(3, np.int64))),
    Case("Range", (np.array(5, np.int64), np.array(-2, np.int64), np.array(-2, np.int64))),
    Case("Range", (one(0.0), one(1.0), one(0.3))),
    Case("Range", (np.array(4, np.int32), np.array(4, np.int32), np.array(1, np.int32))),
    Case("EyeLike", (floats(*MATRIX),)),
    Case("EyeLike", (floats(*MATRIX),), {"k": 1, "dtype": TensorProto.INT64}),
    Case("EyeLike", (ints,), {"k": -1}),
    *(Case("Trilu", (x,), {"upper": upper}) for x in (floats(*CUBE), ints) for upper in (0, 1)),
    Case("Trilu", (floats(*CUBE), np.array(1, np.int64))),
    Case("Trilu", (floats(*CUBE), np.array(-1, np.int64)), {"upper": 0}),
    Case("OneHot", (longs(0, 2, -1, 7, -9), np.array(4, np.int64), np.array([0, 1], np.float32))),
    Case("OneHot", (ints, longs(3), np.array([5, 7], np.int64)), {"axis": 0}),
    Case("OneHot", (ints, longs(3), np.array([5, 7], np.int64)), {"axis": 1}),
]

CASES = [*ACTIVATIONS, *ARITHMETIC, *LOGIC, *REDUCTIONS, *CREATION]
