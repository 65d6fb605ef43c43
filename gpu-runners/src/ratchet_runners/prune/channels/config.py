from __future__ import annotations

from math import ceil
from typing import Literal

from pydantic import Field, model_validator

from ratchet_runners.technique import Cost, Needs, Subject, Technique, replaced

Scope = Literal["channels", "heads", "feedForward", "recurrent"]


class PruneChannels(Technique):
    """Structured pruning in rounds, each with closed-form repair and distillation from the unpruned model."""

    NEEDS = Needs(rows=32)
    TAKES = frozenset({"float"})

    technique: Literal["prune-channels"] = "prune-channels"
    version: Literal[1] = 1
    ratio: float | None = Field(
        default=None, gt=0, lt=1, description="Share of all channels that goes; 0.5 where no target is given"
    )
    target_macs: float | None = Field(default=None, gt=0, lt=1, description="Share of the operations that may be left")
    target_size: float | None = Field(
        default=None, gt=0, lt=1, description="Share of the file's bytes that may be left"
    )
    importance: Literal["taylor", "activation", "magnitude"] = Field(
        default="taylor",
        description="How units are ranked: by the derivative of the distillation loss (needs torch), by activation or "
        "by their weights",
    )
    scope: tuple[Scope, ...] = Field(default=("channels", "heads", "feedForward", "recurrent"), min_length=1)
    ranking: Literal["global", "layer"] = Field(
        default="global", description="global: layers are ranked against each other; layer: each loses the same share"
    )
    largest_layer_ratio: float = Field(default=0.75, gt=0, lt=1, description="Largest share that a layer may lose")
    minimum_width: int = Field(default=8, ge=1, description="Channels or features that every layer keeps")
    width_multiple: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Convolutions' widths; by default what the serving kernels take at a time",
    )
    skip_first: bool = Field(default=False, description="Whether layers on the model's input keep their width")
    skip_layers: tuple[str, ...] = Field(default=(), description="Names of nodes whose outputs keep their width")
    rounds: int = Field(default=3, ge=1, le=20)
    largest_round: float = Field(
        default=0.2, gt=0, le=1, description="Largest share of a layer that one round takes; more rounds where needed"
    )
    importance_rows: int = Field(default=256, ge=8, le=65536)
    repair_rows: int = Field(default=256, ge=0, le=65536, description="Rows that layers are matched on; 0: no repair")
    retrain: bool = Field(default=True, description="Whether rounds end with distillation; needs torch")
    round_steps: int = Field(default=100, ge=0, description="Steps of distillation after a round")
    final_steps: int = Field(default=400, ge=0, description="Steps of distillation after the last round")
    batch_size: int = Field(default=32, ge=1, le=4096)
    learning_rate: float = Field(default=2e-3, gt=0, le=1)
    temperature: float = Field(default=2.0, ge=1, le=20)
    alpha: float = Field(default=0.9, ge=0, le=1, description="Weight of the soft targets where a row has a label")
    replay_share: float = Field(default=0.25, ge=0, lt=1, description="Largest share of older rows")
    wall_share: float = Field(default=0.6, gt=0, le=1, description="Largest share of the job's time limit")

    @model_validator(mode="after")
    def _one_target(self) -> PruneChannels:
        if sum(target is not None for target in (self.ratio, self.target_macs, self.target_size)) > 1:
            raise ValueError("give one of ratio, targetMacs and targetSize")
        return self

    def after(self, subject: Subject) -> Subject:
        if self.target_macs is not None:
            return replaced(subject, "float", size_ratio=self.target_macs, work_ratio=self.target_macs)
        if self.target_size is not None:
            return replaced(subject, "float", size_ratio=self.target_size, work_ratio=self.target_size)
        # Inputs and outputs of most layers shrink by the ratio, those at the ends by one of the two.
        kept = 1 - (self.ratio or 0.5)
        return replaced(subject, "float", size_ratio=kept**1.8, work_ratio=kept**1.8)

    def cost(self, subject: Subject) -> Cost:
        work = subject.macs or 10 * subject.weights
        rounds = max(self.rounds, ceil((self.ratio or 0.5) / self.largest_round))
        scored = rounds * (3 * self.importance_rows + 10 * self.repair_rows)
        steps = rounds * self.round_steps + self.final_steps if self.retrain and "torch" in subject.installed else 0
        seconds = 3 + scored * work / 1e10 + steps * (0.01 + 3 * self.batch_size * work / 1e10)
        return Cost(round(seconds, 1), 20 * subject.size_bytes + (1 << 30))
