"""Conformance cases: shapes, joins, picking and placing, padding and resizing."""

from __future__ import annotations

import numpy as np

from support_operators import Case, described, longs, numbers, one

floats, positive = numbers(2)
MATRIX, CUBE, IMAGE = (3, 6), (2, 3, 4), (2, 4, 6, 4)
ints = np.arange(24, dtype=np.int64).reshape(2, 3, 4)

SHAPES = [
    Case("Identity", (floats(*MATRIX),)),
    Case("Identity", (ints,)),
    Case("Dropout", (floats(*MATRIX),), last=11),
    Case("Dropout", (floats(*MATRIX), one(0.5)), first=12),
    Case("Dropout", (floats(*MATRIX), one(0.5), np.array(False)), first=12),
    Case("Shape", (floats(*CUBE),)),
    *(
        Case("Shape", (floats(*IMAGE),), settings, first=15)
        for settings in ({"start": 1}, {"end": -1}, {"start": -3, "end": 3})
    ),
    Case("Size", (floats(*CUBE),)),
    *(Case("Flatten", (floats(*IMAGE),), settings) for settings in ({}, {"axis": 0}, {"axis": -1}, {"axis": 4})),
    *(Case("Reshape", (floats(*IMAGE), longs(*wanted))) for wanted in ((0, -1, 4), (-1,), (6, 4, 2, 4), (0, 0, -1))),
    Case("Reshape", (floats(0, 3), longs(3, 0)), {"allowzero": 1}, first=14),
    Case("Reshape", (ints, longs(4, -1))),
    Case("Squeeze", (floats(2, 1, 3, 1),), {"axes": [1, -1]}, last=12),
    Case("Squeeze", (floats(2, 1, 3, 1), longs(1, -1)), first=13),
    Case("Unsqueeze", (floats(*MATRIX),), {"axes": [0, -1]}, last=12),
    Case("Unsqueeze", (floats(*MATRIX), longs(0, -1)), first=13),
    Case("Unsqueeze", (floats(*MATRIX), longs(3, 1)), first=13),
    Case("Transpose", (floats(*IMAGE),), {"perm": [0, 2, 3, 1]}),
    Case("Transpose", (ints,)),
    Case("Expand", (floats(3, 1), longs(2, 1, 6))),
    Case("Expand", (floats(3, 4), longs(1, 1))),
    Case("Tile", (floats(*CUBE), longs(1, 2, 3))),
    Case("Tile", (ints, longs(2, 1, 1))),
    *(Case("Concat", (floats(*CUBE), floats(*CUBE), floats(*CUBE)), {"axis": axis}) for axis in (0, 1, -1)),
    Case("Concat", (ints, ints), {"axis": 2}),
    Case("Split", (floats(*MATRIX),), {"axis": 1}, last=17, outputs=3),
    Case("Split", (floats(*MATRIX),), {"axis": 1, "split": [1, 5]}, last=12, outputs=2),
    Case("Split", (floats(*MATRIX), longs(2, 3, 1)), {"axis": -1}, first=13, outputs=3),
    Case("Split", (floats(3, 7),), {"axis": 1, "num_outputs": 4}, first=18, outputs=4),
    Case("Split", (ints, longs(1, 2)), {"axis": 1}, first=13, outputs=2),
    *(
        Case("DepthToSpace", (floats(2, 8, 3, 2),), settings)
        for settings in ({"blocksize": 2}, {"blocksize": 2, "mode": "CRD"})
    ),
    Case("SpaceToDepth", (floats(*IMAGE),), {"blocksize": 2}),
    Case("ConstantOfShape", (longs(2, 3),)),
    Case("ConstantOfShape", (longs(2, 3),), {"value": described(np.array([7], np.int64))}),
    Case("ConstantOfShape", (longs(0),), {"value": described(np.array([True]))}),
]

GREATEST = 2**63 - 1
SLICES = [
    Case("Slice", (floats(*IMAGE), longs(1, 0), longs(-1, GREATEST), longs(2, -1))),
    Case("Slice", (floats(*IMAGE), longs(0, 1), longs(2, 3))),
    Case("Slice", (floats(*IMAGE), longs(-1), longs(-GREATEST - 1), longs(2), longs(-1))),
    Case("Slice", (floats(*IMAGE), longs(-1), longs(-100), longs(2), longs(-2))),
    Case("Slice", (floats(*IMAGE), longs(4), longs(0), longs(2), longs(-2))),
    Case("Slice", (floats(*IMAGE), longs(0), longs(-1), longs(2), longs(2))),
    Case("Slice", (ints, longs(1, 0), longs(3, 9), longs(1, 2), longs(1, 3))),
    Case("Slice", (floats(*MATRIX), longs(5), longs(2), longs(1))),
    Case("Slice", (floats(*MATRIX), np.array([1], np.int32), np.array([100], np.int32), np.array([1], np.int32))),
]

pairs = np.array([[0, 1], [2, -1]], dtype=np.int64)
GATHERS = [
    Case("Gather", (floats(5, 4), longs(0, -1, 3, 3))),
    Case("Gather", (floats(5, 4), pairs), {"axis": 1}),
    Case("Gather", (floats(*CUBE), np.array(1, np.int64)), {"axis": 1}),
    Case("Gather", (floats(*CUBE), np.array([[0, 2]], np.int32)), {"axis": -2}),
    Case("Gather", (longs(3, 4, 5), np.array(-1, np.int64))),
    Case("GatherElements", (floats(3, 4), np.array([[0, 1, -1], [2, 0, 0]], np.int64)), {"axis": 1}),
    Case("GatherElements", (floats(*CUBE), np.zeros((1, 3, 4), np.int64))),
    Case("GatherND", (floats(3, 4, 2), pairs)),
    Case("GatherND", (floats(3, 4, 2), np.array([[0, 1, -1]], np.int64))),
    Case("GatherND", (floats(3, 4, 2), np.array([[[1]], [[0]], [[-1]]], np.int64)), {"batch_dims": 1}, first=12),
    Case("GatherND", (floats(2, 3, 4, 2), np.ones((2, 3, 1), np.int64)), {"batch_dims": 2}, first=12),
    Case("ScatterElements", (floats(3, 4), np.array([[0, -1], [3, 2]], np.int64), floats(2, 2)), {"axis": 1}),
    Case("ScatterElements", (ints[0], np.array([[2, 0]], np.int64), np.array([[9, 8]], np.int64))),
    *(
        Case(
            "ScatterElements",
            (floats(3, 4), np.array([[0, 0], [3, -1]], np.int64), floats(2, 2)),
            {"axis": 1, "reduction": reduction},
            first=first,
        )
        for reduction, first in (("add", 16), ("mul", 16), ("max", 18), ("min", 18))
    ),
    Case("ScatterND", (floats(4, 3), longs(1, 3)[:, None], floats(2, 3))),
    Case("ScatterND", (floats(4, 3), pairs, floats(2))),
    *(
        Case("ScatterND", (floats(4, 3), longs(1, 1)[:, None], floats(2, 3)), {"reduction": reduction}, first=first)
        for reduction, first in (("add", 16), ("mul", 16), ("max", 18), ("min", 18))
    ),
    Case("Compress", (floats(3, 4), np.array([True, False, True])), {"axis": 0}),
    Case("Compress", (floats(3, 4), np.array([False, True, True, False, True]))),
    Case("NonZero", (np.array([[1.0, 0.0], [0.0, 2.0]], np.float32),)),
    Case("NonZero", (np.array([True, False, True]),)),
    Case("ReverseSequence", (floats(4, 3, 2), longs(1, 4, 2))),
    Case("ReverseSequence", (floats(3, 4), longs(1, 4, 2)), {"batch_axis": 0, "time_axis": 1}),
]

PADS = longs(0, 0, 1, 2, 0, 0, 0, 1)
PADDING = [
    Case("Pad", (floats(*IMAGE), PADS)),
    Case("Pad", (floats(*IMAGE), PADS, one(0.5))),
    Case("Pad", (ints, longs(0, 1, 0, 1, 0, 2), np.array(7, np.int64))),
    Case("Pad", (floats(*IMAGE), longs(0, 0, -1, 2, 0, 0, 1, -1))),
    *(Case("Pad", (floats(*IMAGE), PADS), {"mode": mode}) for mode in ("reflect", "edge")),
    *(Case("Pad", (floats(*CUBE), longs(1, 2, 0, 0, 1, 3)), {"mode": mode}) for mode in ("reflect", "edge")),
    Case("Pad", (floats(*IMAGE), PADS), {"mode": "wrap"}, first=19),
    *(
        Case("Pad", (floats(*IMAGE), longs(1, 2, 0, 1), None, longs(-2, 1)), {"mode": mode}, first=18)
        for mode in ("constant", "edge", "reflect")
    ),
]

NONE = np.array([], dtype=np.float32)
DOWN, UP = np.array([1, 1, 0.6, 0.5], np.float32), np.array([1, 1, 2.0, 1.5], np.float32)
COORDINATES = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
RESIZING = [
    *(
        Case("Resize", (floats(*IMAGE), NONE, scales), {"mode": mode, "coordinate_transformation_mode": coordinates})
        for mode in ("nearest", "linear", "cubic")
        for coordinates in COORDINATES
        for scales in (DOWN, UP)
    ),
    *(
        Case(
            "Resize",
            (floats(*IMAGE), NONE, UP),
            {"nearest_mode": rounding, "coordinate_transformation_mode": "asymmetric"},
        )
        for rounding in ("floor", "ceil", "round_prefer_ceil", "round_prefer_floor")
    ),
    *(
        Case("Resize", (floats(*IMAGE), NONE, NONE, longs(2, 4, 7, 3)), {"mode": mode}, last=12)
        for mode in ("nearest", "linear", "cubic")
    ),
    *(
        Case("Resize", (floats(*IMAGE), None, None, longs(2, 4, 7, 3)), {"mode": mode}, first=13)
        for mode in ("nearest", "linear", "cubic")
    ),
    Case(
        "Resize",
        (floats(*IMAGE), None, None, longs(2, 4, 1, 1)),
        {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"},
        first=13,
    ),
    Case("Resize", (floats(*IMAGE), NONE, UP), {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1}),
    Case(
        "Resize", (floats(*IMAGE), None, np.array([2.0, 0.5], np.float32)), {"mode": "linear", "axes": [2, 3]}, first=18
    ),
    *(
        Case(
            "Resize",
            (floats(*IMAGE), None, None, longs(9, 9)),
            {"axes": [2, 3], "keep_aspect_ratio_policy": policy},
            first=18,
        )
        for policy in ("not_larger", "not_smaller")
    ),
    Case(
        "Resize",
        (floats(*IMAGE), None, DOWN),
        {"mode": "linear", "coordinate_transformation_mode": "half_pixel_symmetric"},
        first=19,
    ),
    *(
        Case(
            "GridSample",
            (floats(2, 3, 5, 4), np.tanh(floats(2, 3, 3, 2)) * 1.2),
            {"padding_mode": padding, "align_corners": corners},
        )
        for padding in ("zeros", "border", "reflection")
        for corners in (0, 1)
    ),
    Case("GridSample", (floats(2, 3, 5, 4), np.tanh(floats(2, 3, 3, 2))), {"mode": "nearest"}),
    Case("GridSample", (floats(2, 3, 5, 4), np.tanh(floats(2, 3, 3, 2))), {"mode": "bicubic"}, last=19),
    Case("GridSample", (floats(2, 3, 5, 4), np.tanh(floats(2, 3, 3, 2))), {"mode": "cubic"}, first=20),
    Case("GridSample", (floats(2, 3, 3, 5, 4), np.tanh(floats(2, 3, 3, 2, 3))), {"mode": "linear"}, first=20),
    *(Case("AffineGrid", (floats(2, 2, 3), longs(2, 3, 4, 5)), {"align_corners": corners}) for corners in (0, 1)),
]

CASES = [*SHAPES, *SLICES, *GATHERS, *PADDING, *RESIZING]
