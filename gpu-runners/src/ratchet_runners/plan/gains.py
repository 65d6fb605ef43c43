"""What a form should do to latency on a kind of machine, before anything is measured.

Ratios of candidate to original at one thread. Those for x86 with VNNI were measured with ONNX Runtime on convolutional
networks and encoders of 0.7 to 55 MB; without VNNI and on ARM they are careful guesses. They order what is tried and
tell what to expect; no candidate is ever judged by them.
"""

from __future__ import annotations

from ratchet_runners.technique import Form, Subject

CONVOLUTIONS = ("Conv", "ConvTranspose")
PRODUCTS = ("MatMul", "Gemm", "LSTM", "GRU", "Attention")

#: By form: for networks of convolutions, for networks of matrix products.
VNNI: dict[Form, tuple[float, float]] = {
    "float": (1.0, 1.0),
    "qdq": (0.42, 0.47),
    # Convolutions with dynamic scales run 3 to 6 times slower than the original.
    "dynamic": (4.0, 0.4),
    "weights": (1.0, 0.65),
    "half": (1.15, 1.15),
}
PLAIN: dict[Form, tuple[float, float]] = {**VNNI, "qdq": (0.65, 0.7), "dynamic": (5.0, 0.6), "weights": (1.0, 0.8)}
ARM: dict[Form, tuple[float, float]] = {**VNNI, "qdq": (0.55, 0.55), "dynamic": (3.0, 0.5), "half": (0.7, 0.7)}
TENSORRT: dict[Form, tuple[float, float]] = {**VNNI, "qdq": (0.4, 0.5), "dynamic": (1.0, 1.0), "half": (0.5, 0.5)}
TABLES = {"x86-avx512-vnni": VNNI, "x86-avx2-vnni": VNNI, "arm64": ARM, "tensorrt": TENSORRT}

#: Below so many weights conversions cost more than narrower products save (measured: 0.73-0.78x speed).
SMALL_WEIGHTS = 50_000
SMALL_PENALTY = 1.35
#: Latency falls slower than work does: reading activations, starting kernels.
WORK_POWER = 0.85


def latency_ratio(before: Subject, after: Subject, kept_work: float = 1.0) -> float:
    """Expected p50 of the candidate over the original's, at small batches; `kept_work`: share that pruning left."""
    convolutions, products = TABLES.get(before.hardware.name, PLAIN)[after.form]
    share = convolution_share(before)
    form = share * convolutions + (1 - share) * products
    if after.form in ("qdq", "dynamic") and after.weights < SMALL_WEIGHTS:
        form = max(form, SMALL_PENALTY)
    return form * kept_work**WORK_POWER


def convolution_share(subject: Subject) -> float:
    """Which share of the weighted operators convolves; 0 where there are none."""
    convolving = sum(subject.operators.get(name, 0) for name in CONVOLUTIONS)
    multiplying = sum(subject.operators.get(name, 0) for name in PRODUCTS)
    return convolving / (convolving + multiplying) if convolving + multiplying else 0.0
