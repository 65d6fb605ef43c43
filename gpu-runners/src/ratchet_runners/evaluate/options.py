"""How much an evaluation looks at. Light: no numpy, no onnx, no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.documents.base import Document


class TextEncoder(Document):
    """An encoder on this machine for BERTScore, and the words that the model's outputs stand for."""

    #: Takes `input_ids` (and, where it asks, `attention_mask` and `token_type_ids`), gives one vector a token.
    model: str = Field(min_length=1, description="ONNX file of the encoder")
    vocabulary: str = Field(
        min_length=1, description="vocab.txt of the encoder (one WordPiece a line) or tokenizer.json"
    )
    output_vocabulary: str = Field(min_length=1, description="One word a line: what each class of an output stands for")
    lower_case: bool = True


class EvaluationOptions(Document):
    """`quick` leaves out attacks and children and looks at fewer rounds; `full` looks at everything."""

    detail: Literal["quick", "full"] = "quick"
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="Of every interval")
    bootstrap_rounds: int = Field(default=1000, ge=100, le=20_000)
    slice_rows: int = Field(default=20, ge=5, description="Smaller slices are not judged")
    calibration_bins: int = Field(default=15, ge=2, le=100)
    noise: tuple[float, ...] = Field(default=(0.1, 0.3), max_length=8, description="Sigmas, in spreads of a feature")
    attacks: tuple[float, ...] = Field(default=(0.05, 0.15), max_length=8, description="L-infinity, in spreads")
    attack_steps: int = Field(default=10, ge=1, le=100, description="Steps of projected gradient descent")
    attack_rows: int = Field(default=256, ge=8, description="Labelled rows at most that are attacked")
    batches: tuple[int, ...] = Field(default=(), max_length=8, description="Rows a call; empty: as served")
    threads: tuple[int, ...] = Field(default=(), max_length=4, description="Threads a session; empty: as served")
    latency_rounds: int = Field(default=30, ge=10, le=2000)
    latency_seconds: float = Field(default=10.0, gt=0, description="At most, for all batches and threads together")
    band: float = Field(default=0.1, ge=0, lt=1, description="Share of the output's length that DTW may bend")
    text: TextEncoder | None = None

    @property
    def rounds(self) -> int:
        """Rounds of a bootstrap."""
        return min(300, self.bootstrap_rounds) if self.detail == "quick" else self.bootstrap_rounds
