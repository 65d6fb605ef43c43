"""Conformance cases: what has weights, normalisations, pools, recurrent layers, attention, fused operators."""

from __future__ import annotations

import numpy as np

from support_operators import Case, longs, numbers

floats, positive = numbers(3)
IMAGE, MATRIX = (2, 4, 9, 7), (3, 6)

LINEAR = [
    Case("Conv", (floats(*IMAGE), floats(6, 4, 3, 3), floats(6)), {"pads": [1, 1, 1, 1]}),
    Case("Conv", (floats(*IMAGE), floats(6, 4, 3, 3)), {"strides": [2, 2], "pads": [1, 0, 2, 1]}),
    Case(
        "Conv", (floats(*IMAGE), floats(8, 2, 3, 3), floats(8)), {"group": 2, "dilations": [2, 2], "pads": [2, 2, 2, 2]}
    ),
    Case("Conv", (floats(*IMAGE), floats(4, 1, 3, 3)), {"group": 4, "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    Case("Conv", (floats(*IMAGE), floats(4, 4, 2, 2)), {"auto_pad": "SAME_LOWER"}),
    Case("Conv", (floats(2, 3, 11), floats(5, 3, 3)), {"auto_pad": "VALID"}),
    Case("Conv", (floats(2, 3, 11), floats(5, 3, 3), floats(5)), {"pads": [2, 0]}),
    Case("Conv", (floats(1, 2, 4, 5, 4), floats(3, 2, 2, 3, 2)), {"pads": [1, 0, 1, 0, 1, 0]}),
    Case("ConvTranspose", (floats(*IMAGE), floats(4, 3, 3, 3), floats(3))),
    Case(
        "ConvTranspose",
        (floats(*IMAGE), floats(4, 3, 3, 3)),
        {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
    ),
    Case("ConvTranspose", (floats(*IMAGE), floats(4, 2, 3, 3)), {"group": 2, "strides": [2, 1], "pads": [0, 1, 2, 0]}),
    Case("ConvTranspose", (floats(*IMAGE), floats(4, 3, 4, 4)), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    Case(
        "ConvTranspose",
        (floats(*IMAGE), floats(4, 3, 3, 3)),
        {"strides": [2, 2], "output_shape": [18, 14], "output_padding": [1, 1]},
    ),
    Case("ConvTranspose", (floats(2, 3, 5), floats(3, 2, 3)), {"dilations": [2]}),
    Case("Gemm", (floats(*MATRIX), floats(6, 5), floats(5))),
    Case("Gemm", (floats(*MATRIX), floats(5, 6), floats(1, 5)), {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    Case("Gemm", (floats(*MATRIX), floats(3, 5)), {"transA": 1}),
    Case("MatMul", (floats(2, 3, 6), floats(6, 4))),
    Case("MatMul", (floats(2, 1, 3, 6), floats(5, 6, 4))),
    Case("MatMul", (floats(6), floats(6, 4))),
    Case("MatMul", (longs(1, 2, 3)[None], longs(4, 5, 6)[:, None])),
    Case("Einsum", (floats(2, 3, 4), floats(4, 5)), {"equation": "bij, jk -> bik"}),
    Case("Einsum", (floats(2, 3, 4), floats(2, 5, 4)), {"equation": "...id,...jd->...ij"}),
    Case("Einsum", (floats(3, 3),), {"equation": "ii"}),
]

NORMALISATIONS = [
    Case("BatchNormalization", (floats(*IMAGE), floats(4), floats(4), floats(4), positive(4)), {"epsilon": 1e-3}),
    Case("BatchNormalization", (floats(*MATRIX), floats(6), floats(6), floats(6), positive(6))),
    Case("InstanceNormalization", (floats(*IMAGE), floats(4), floats(4)), {"epsilon": 1e-3}),
    Case("InstanceNormalization", (floats(2, 3, 5), floats(3), floats(3))),
    Case("LayerNormalization", (floats(2, 3, 6), floats(6), floats(6))),
    Case("LayerNormalization", (floats(2, 3, 6), floats(6)), {"axis": 2, "epsilon": 1e-2}),
    Case("LayerNormalization", (floats(2, 3, 6), floats(3, 6), floats(3, 6)), {"axis": 1}, outputs=3),
    Case("LayerNormalization", (floats(2, 3, 6), floats(1, 6), floats(1, 6))),
    Case("RMSNormalization", (floats(2, 3, 6), floats(6))),
    Case("RMSNormalization", (floats(2, 3, 6), floats(3, 6)), {"axis": 1, "epsilon": 1e-2}),
    Case("SimplifiedLayerNormalization", (floats(2, 3, 6), floats(6))),
    Case("GroupNormalization", (floats(*IMAGE), floats(2), floats(2)), {"num_groups": 2}, first=18, last=20),
    Case("GroupNormalization", (floats(*IMAGE), floats(4), floats(4)), {"num_groups": 2, "epsilon": 1e-2}, first=21),
    Case("LRN", (floats(*IMAGE),), {"size": 3}),
    Case("LRN", (floats(*IMAGE),), {"size": 5, "alpha": 0.3, "beta": 0.6, "bias": 1.5}),
    Case("LpNormalization", (floats(*MATRIX),)),
    Case("LpNormalization", (floats(*MATRIX),), {"axis": 0, "p": 1}),
    Case("MeanVarianceNormalization", (floats(*IMAGE),)),
    Case("MeanVarianceNormalization", (floats(*IMAGE),), {"axes": [1, -1]}),
]

WINDOWS = [
    {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 1, 1, 1]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
    {"kernel_shape": [2, 2], "strides": [3, 3], "pads": [1, 1, 1, 1], "ceil_mode": 1},
    {"kernel_shape": [4, 4], "strides": [2, 2], "pads": [1, 0, 2, 1], "ceil_mode": 1},
    {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    {"kernel_shape": [2, 2], "auto_pad": "SAME_LOWER"},
    {"kernel_shape": [2, 2], "auto_pad": "VALID"},
]
DILATED = {"kernel_shape": [2, 3], "dilations": [2, 2], "pads": [1, 1, 0, 1]}
POOLS = [
    *(Case("MaxPool", (floats(*IMAGE),), windows) for windows in [*WINDOWS, DILATED]),
    *(Case("AveragePool", (floats(*IMAGE),), windows) for windows in WINDOWS),
    *(Case("AveragePool", (floats(*IMAGE),), {**windows, "count_include_pad": 1}) for windows in WINDOWS[:2]),
    *(
        Case("AveragePool", (floats(*IMAGE),), {**windows, "count_include_pad": 1}, first=19)
        for windows in WINDOWS[2:5]
    ),
    *(
        Case("AveragePool", (floats(*IMAGE),), {**DILATED, "count_include_pad": counted}, first=19)
        for counted in (0, 1)
    ),
    *(Case(name, (floats(2, 3, 11),), {"kernel_shape": [3], "strides": [2]}) for name in ("MaxPool", "AveragePool")),
    *(Case(name, (floats(1, 2, 4, 5, 4),), {"kernel_shape": [2, 3, 2]}) for name in ("MaxPool", "AveragePool")),
    *(
        Case("LpPool", (floats(*IMAGE),), {**windows, "p": p})
        for windows in (WINDOWS[0], WINDOWS[1])
        for p in (1, 2, 3)
    ),
    Case("LpPool", (floats(*IMAGE),), {"kernel_shape": [2, 3], "dilations": [2, 2]}, first=18),
    *(Case(name, (floats(*IMAGE),)) for name in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")),
    *(Case(name, (floats(2, 3, 5),)) for name in ("GlobalAveragePool", "GlobalMaxPool")),
    Case("GlobalLpPool", (floats(*IMAGE),), {"p": 1}),
]

TIME, BATCH, IN, HIDDEN = 5, 3, 4, 2
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
COUNT = {"forward": 1, "reverse": 1, "bidirectional": 2}


def recurrent(
    name: str,
    direction: str = "forward",
    bias: bool = True,
    initial: bool = False,
    lengths: bool = False,
    peepholes: bool = False,
    outputs: int | None = None,
    **settings: object,
) -> Case:
    """A recurrent layer with random weights."""
    width, count = GATES[name] * HIDDEN, COUNT[direction]
    inputs: list[np.ndarray | None] = [
        floats(TIME, BATCH, IN),
        floats(count, width, IN) / 2,
        floats(count, width, HIDDEN) / 2,
        floats(count, 2 * width) / 2 if bias else None,
        np.array([5, 2, 4], np.int32) if lengths else None,
    ]
    inputs += [floats(count, BATCH, HIDDEN) if initial else None] * (2 if name == "LSTM" else 1)
    inputs += [floats(count, 3 * HIDDEN)] if peepholes else []
    return Case(
        name,
        tuple(inputs),
        {"hidden_size": HIDDEN, "direction": direction, **settings},
        outputs=outputs or (3 if name == "LSTM" else 2),
    )


RECURRENT = [
    *(recurrent(name, direction) for name in GATES for direction in COUNT),
    *(recurrent(name, "bidirectional", initial=True) for name in GATES),
    *(recurrent(name, direction, lengths=True, initial=True) for name in GATES for direction in COUNT),
    *(recurrent(name, bias=False) for name in GATES),
    *(recurrent(name, outputs=1) for name in GATES),
    *(recurrent("GRU", direction, linear_before_reset=1, initial=True) for direction in COUNT),
    recurrent("GRU", "bidirectional", linear_before_reset=1, lengths=True),
    recurrent("LSTM", peepholes=True),
    recurrent("LSTM", "bidirectional", peepholes=True, lengths=True, initial=True),
    recurrent("LSTM", input_forget=1),
    recurrent("LSTM", activations=["Sigmoid", "Relu", "Tanh"]),
    recurrent("GRU", activations=["Sigmoid", "Relu"]),
    recurrent("RNN", activations=["Relu"]),
]

Q, K, V = floats(2, 3, 4, 6), floats(2, 3, 5, 6), floats(2, 3, 5, 6)
SEEN = np.array([[True, True, False, True, True]] * 4)
ATTENTION = [
    Case("Attention", (Q, K, V)),
    Case("Attention", (Q, K, V), {"scale": 0.3}),
    Case("Attention", (Q, K, V, floats(4, 5))),
    Case("Attention", (Q, K, V, SEEN)),
    Case("Attention", (Q, K, V), {"is_causal": 1}),
    Case("Attention", (Q, K, V, floats(2, 1, 4, 5)), {"softcap": 1.5}),
    Case("Attention", (floats(2, 4, 18), floats(2, 5, 18), floats(2, 5, 18)), {"q_num_heads": 3, "kv_num_heads": 3}),
    Case("Attention", (floats(2, 4, 24), floats(2, 5, 12), floats(2, 5, 12)), {"q_num_heads": 4, "kv_num_heads": 2}),
    *(
        Case("RotaryEmbedding", (floats(2, 3, 4, 6), floats(2, 4, 3), floats(2, 4, 3)), {"interleaved": interleaved})
        for interleaved in (0, 1)
    ),
    Case(
        "RotaryEmbedding", (floats(2, 3, 4, 6), floats(9, 3), floats(9, 3), longs(0, 1, 2, 3, 4, 5, 6, 7).reshape(2, 4))
    ),
    Case(
        "RotaryEmbedding",
        (floats(2, 4, 18), floats(9, 2), floats(9, 2), longs(0, 1, 2, 3, 4, 5, 6, 7).reshape(2, 4)),
        {"num_heads": 3, "rotary_embedding_dim": 4},
    ),
]

MS = "com.microsoft::"
FUSED = [
    Case(MS + "Gelu", (floats(*MATRIX),)),
    Case(MS + "BiasGelu", (floats(*MATRIX), floats(6))),
    Case(MS + "FastGelu", (floats(*MATRIX),), tolerance=1e-3),
    Case(MS + "FastGelu", (floats(*MATRIX), floats(6)), tolerance=1e-3),
    Case(MS + "QuickGelu", (floats(*MATRIX),)),
    Case(MS + "QuickGelu", (floats(*MATRIX),), {"alpha": 1.2}),
    Case(MS + "FusedMatMul", (floats(2, 3, 6), floats(2, 4, 6)), {"transB": 1, "alpha": 0.5}),
    Case(MS + "FusedMatMul", (floats(6, 3), floats(6, 4)), {"transA": 1}),
    Case(MS + "TransposeMatMul", (floats(2, 3, 6), floats(2, 4, 6)), {"transB": 1}),
    Case(MS + "FusedConv", (floats(*IMAGE), floats(4, 4, 3, 3), floats(4)), {"activation": "Relu"}),
    Case(MS + "FusedConv", (floats(*IMAGE), floats(4, 4, 3, 3), floats(4), floats(2, 4, 7, 5)), {"activation": "Relu"}),
    Case(
        MS + "FusedConv", (floats(*IMAGE), floats(4, 4, 3, 3)), {"activation": "LeakyRelu", "activation_params": [0.2]}
    ),
    Case(
        MS + "FusedConv", (floats(*IMAGE), floats(4, 4, 3, 3)), {"activation": "Clip", "activation_params": [-0.5, 0.5]}
    ),
    Case(
        MS + "FusedConv",
        (floats(*IMAGE), floats(4, 4, 3, 3)),
        {"activation": "HardSigmoid", "activation_params": [0.2, 0.4]},
    ),
    Case(MS + "FusedConv", (floats(*IMAGE), floats(4, 4, 3, 3)), {"activation": "Tanh"}),
    Case(MS + "FusedGemm", (floats(*MATRIX), floats(5, 6), floats(5)), {"transB": 1, "activation": "Relu"}),
    Case(
        MS + "FusedGemm",
        (floats(*MATRIX), floats(6, 5), floats(5)),
        {"activation": "LeakyRelu", "activation_alpha": 0.3},
    ),
    Case(MS + "SkipLayerNormalization", (floats(2, 3, 6), floats(2, 3, 6), floats(6), floats(6))),
    Case(
        MS + "SkipLayerNormalization",
        (floats(2, 3, 6), floats(2, 3, 6), floats(6), floats(6), floats(6)),
        outputs=4,
        without=(1, 2),
    ),
    Case(
        MS + "SkipSimplifiedLayerNormalization",
        (floats(2, 3, 6), floats(2, 3, 6), floats(6)),
        outputs=4,
        without=(1, 2),
    ),
]

CASES = [*LINEAR, *NORMALISATIONS, *POOLS, *RECURRENT, *ATTENTION, *FUSED]
