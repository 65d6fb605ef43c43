"""Recipes: ordered steps with one parameter document each. Light: the steps themselves are imported when they run."""

from __future__ import annotations

from ratchet_runners.documents.base import Document
from ratchet_runners.quantize.static.config import QuantizeStatic
from ratchet_runners.recipes.compress import Compress
from ratchet_runners.recipes.incremental_distillation import IncrementalDistillation

#: The parameter document of every recipe.
PARAMETERS: dict[str, type[Document]] = {
    "quantize-static": QuantizeStatic,
    "incremental-distillation": IncrementalDistillation,
    "compress": Compress,
}

#: Share of the time that each step usually takes, in order; what progress and the estimate of the rest are made of.
PLANS: dict[str, dict[str, float]] = {
    "quantize-static": {
        "read": 0.15,
        "normalise": 0.1,
        "calibrate": 0.4,
        "sensitivity": 0.1,
        "quantize": 0.1,
        "verify": 0.1,
        "write": 0.05,
    },
    "incremental-distillation": {
        "read": 0.02,
        "train": 0.48,
        "teach": 0.05,
        "distil": 0.35,
        "normalise": 0.01,
        "calibrate": 0.04,
        "sensitivity": 0.01,
        "quantize": 0.01,
        "verify": 0.02,
        "write": 0.01,
    },
    "compress": {"read": 0.02, "normalise": 0.03, "search": 0.85, "evaluate": 0.08, "write": 0.02},
}
