from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.technique import Cost, Subject, Technique, replaced


class QuantizeDynamic(Technique):
    """Eight-bit matrix products that take their activation's range from the activation itself: no calibration.

    Convolutions are left alone: on a CPU dynamic ones are three to six times slower than floats.
    """

    technique: Literal["quantize-dynamic"] = "quantize-dynamic"
    version: Literal[1] = 1
    per_channel: bool = Field(default=True, description="One scale a channel of a weight instead of one a weight")
    recurrent: bool = Field(default=True, description="LSTM layers too (ONNX Runtime has no such kernel for GRU)")
    embeddings: bool = Field(default=False, description="Tables too, with a scale a row")
    rest: Literal["float", "stored"] = Field(
        default="stored",
        description="stored: other weights (convolutions, GRU) are kept as integers and multiplied as floats",
    )
    pins: tuple[str, ...] = Field(
        default=(), description="Nodes that stay in floating point, by name or as attention, feed-forward, first, last"
    )

    def after(self, subject: Subject) -> Subject:
        return replaced(subject, "dynamic", size_ratio=0.3, work_ratio=0.5)

    def cost(self, subject: Subject) -> Cost:
        return Cost(round(1 + subject.weights / 2e7, 1), 5 * subject.size_bytes + (200 << 20))

    def objections(self, subject: Subject) -> tuple[str, ...]:
        found = list(super().objections(subject))
        if not any(subject.operators.get(name) for name in ("MatMul", "Gemm", "LSTM", "GRU")):
            found.append("the model has no matrix products: convolutions get slower by dynamic quantization")
        return tuple(found)
