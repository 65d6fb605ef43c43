from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.technique import Cost, Needs, Subject, Technique, replaced

Operator = Literal["Conv", "Gemm", "MatMul"]


class QuantizeWeights(Technique):
    """Weights alone in fewer bits: blocks with a scale each, or entries of a codebook. Activations stay as they are.

    Matrix products run on the packed bits. Convolutions and codebooks are unpacked when the runtime loads the model:
    the file is smaller, speed and memory of the running model are those of floating point.
    """

    NEEDS = Needs()

    technique: Literal["quantize-weights"] = "quantize-weights"
    version: Literal[1] = 1
    bits: Literal[4, 8] = Field(default=4, description="Bits of a weight")
    levels: Literal["uniform", "codebook"] = Field(
        default="uniform", description="Equal steps, or 16 / 256 entries that k-means finds (smaller error, no speed)"
    )
    algorithm: Literal["nearest", "gptq"] = Field(
        default="gptq", description="gptq spreads each rounding error over the weights that are not rounded yet"
    )
    block: Literal[0, 32, 64, 128] = Field(
        default=128, description="Inputs that share a scale; 0: one scale an output channel"
    )
    symmetric: bool = Field(default=True, description="No zero points: a block's range is centred on zero")
    shrink: bool = Field(default=True, description="Choose each block's range for the least squared error")
    form: Literal["blocks", "dequantize"] = Field(
        default="blocks",
        description="How matrix products hold uniform weights: MatMulNBits of ONNX Runtime, or DequantizeLinear of the "
        "standard (4 bits or blocks need opset 21), which ONNX Runtime turns into the former when it loads the model",
    )
    accuracy_level: Literal[0, 1, 4] = Field(
        default=4, description="What MatMulNBits computes in: 4 is eight-bit integers, 1 float, 0 the runtime's choice"
    )
    operators: tuple[Operator, ...] = Field(default=("Conv", "Gemm", "MatMul"), min_length=1)
    exclude: tuple[str, ...] = Field(default=(), description="Names of nodes that stay in floating point")
    minimum_weights: int = Field(default=1024, ge=1, description="Layers with fewer weights stay in floating point")
    calibration_rows: int = Field(default=256, ge=1, le=65536, description="Rows for gptq and for codebooks")
    minimum_rows: int = Field(default=32, ge=1, description="Below so many usable rows the data are refused")
    replay_share: float = Field(default=0.25, ge=0, le=1, description="Share of older rows, where there are some")
    damping: float = Field(
        default=0.01, gt=0, le=1, description="Added to the Hessian's diagonal, as a share of its mean"
    )
    act_order: bool = Field(default=False, description="gptq begins with the inputs of the greatest power")
    wall_share: float = Field(default=0.6, gt=0, le=1, description="Share of the job's time that gptq may take")
    books: int = Field(default=1, ge=1, le=4096, description="Codebooks of a weight, each for as many output channels")

    @property
    def looks_at_data(self) -> bool:
        return self.algorithm == "gptq" or self.levels == "codebook"

    def needs(self) -> Needs:
        return Needs(rows=self.minimum_rows) if self.looks_at_data else Needs()

    def after(self, subject: Subject) -> Subject:
        overhead = 0 if self.levels == "codebook" or not self.block else 32 / self.block
        return replaced(subject, "weights", size_ratio=(self.bits + overhead) / 32 + 0.03)

    def cost(self, subject: Subject) -> Cost:
        passes = self.calibration_rows * 4 * (subject.macs or 10 * subject.weights) / 2e9 if self.looks_at_data else 0
        seconds = 1 + passes + (subject.weights / 2e5 if self.algorithm == "gptq" else subject.weights / 2e6)
        return Cost(round(seconds, 1), 8 * subject.size_bytes + (200 << 20))

    def objections(self, subject: Subject) -> tuple[str, ...]:
        found = super().objections(subject)
        if not any(subject.operators.get(name) for name in self.operators):
            found += (f"the model has no {' or '.join(self.operators)} whose weight could be held in fewer bits",)
        return found
