"""The evaluation of one candidate, `ratchet.dev/evaluation/v1`. Light: no numpy, no onnx, no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ratchet_runners.documents.base import Digest, Document

EVALUATION_SCHEMA = "ratchet.dev/evaluation/v1"

Metric = Literal["accuracy", "macroF1", "r2", "mae"]


class Estimate(Document):
    """A figure with its interval; the bounds are null where there are too few rows for one."""

    value: float
    low: float | None
    high: float | None
    rows: int = Field(ge=0)


class Compared(Document):
    """The same figure of both models on the same rows; `difference` is candidate − reference, paired."""

    candidate: Estimate
    reference: Estimate
    difference: Estimate


class MetricFigures(Compared):
    metric: Metric
    #: Exact two-sided McNemar test of equal accuracy; null for other metrics.
    p_value: float | None = None


class SliceFigures(Compared):
    """A part of the rows. Intervals are widened for the number of slices that were looked at (Bonferroni)."""

    by: Literal["slice", "stratum", "class"]
    name: str


class Quality(Document):
    """Against labels. The first metric is the task's own."""

    metrics: tuple[MetricFigures, ...] = Field(min_length=1)
    #: Largest loss of the task's metric; null where no slice is large enough.
    worst_slice: SliceFigures | None
    slices: tuple[SliceFigures, ...]
    #: Names of slices with too few labelled rows.
    small_slices: tuple[str, ...]


class Fidelity(Document):
    """Against the reference's answers; needs no labels."""

    #: Same class; for a regression within a tenth of the reference's spread.
    agreement: Estimate
    #: Mean divergence KL(reference ‖ candidate) in nats; null for a regression.
    divergence: Estimate | None
    #: Mean distance of outputs after alignment in time, per step of the path; null where an output is no sequence.
    dtw: Estimate | None
    #: F1 of BERTScore between the texts that the outputs stand for; null where there is no encoder.
    bert_score: Estimate | None


class CalibrationFigures(Document):
    """How far confidence is from accuracy."""

    #: Expected calibration error of the top class over bins of equal mass.
    error: float
    brier: float


class Calibration(Document):
    candidate: CalibrationFigures
    reference: CalibrationFigures


class Robustness(Document):
    """Share of right answers (regression: mean absolute error) on disturbed rows. `difference` as in Compared."""

    kind: Literal["noise", "fgsm", "pgd"]
    #: Sigma, or the largest change of a feature; in spreads of the feature.
    strength: float
    #: Whose gradients were used; null for noise.
    gradients_of: Literal["source", "candidate"] | None
    figures: Compared


class Size(Document):
    digest: Digest
    bytes: int
    gzip_bytes: int
    parameters: int
    #: Number of weights by their bits.
    precision: dict[str, int]
    #: For one row; null where some operator could not be counted.
    macs: int | None
    form: Literal["float", "qdq", "weights", "dynamic", "half"]


class Times(Document):
    """Milliseconds of one call."""

    p50: float
    p95: float
    least: float


class LatencyFigures(Document):
    batch: int
    threads: int
    rounds: int
    candidate: Times
    reference: Times
    #: Median over rounds of candidate / reference in the same round, with a bootstrapped interval.
    ratio: Estimate
    #: Least of all rounds over least of all rounds: what the machine can do when nothing disturbs it.
    least_ratio: float
    #: By the whole interval of `ratio`, at least 2 % from 1, with `least_ratio` on the same side.
    verdict: Literal["faster", "slower", "undecided"]


class Starting(Document):
    """Measured in a fresh process."""

    #: From bytes to a session that answers.
    load_ms: float
    #: Milliseconds of the first answer.
    first_ms: float
    #: Growth of the process until its peak, over what it held before loading.
    peak_bytes: int


class Fallback(Document):
    """A node that was to run on integers and runs in floating point instead."""

    node: str
    operator: str


class Execution(Document):
    """How ONNX Runtime really runs the candidate."""

    fallbacks: tuple[Fallback, ...]
    #: Share of the time in operators by kind, largest first.
    shares: dict[str, float]


class Evaluation(Document):
    schema_: Literal["ratchet.dev/evaluation/v1"] = Field(alias="schema", default=EVALUATION_SCHEMA)
    candidate: Size
    reference: Size
    rows: int
    labelled: int
    quality: Quality | None
    fidelity: Fidelity
    calibration: Calibration | None
    robustness: tuple[Robustness, ...]
    latency: tuple[LatencyFigures, ...]
    starting: Starting | None
    reference_starting: Starting | None
    execution: Execution | None
    #: What could not be looked at, and why.
    unavailable: dict[str, str]
    #: Where the latency was measured: the processor's profile.
    hardware: str
    detail: Literal["quick", "full"]
    seed: int
    seconds: float
