"""Recipes: ordered steps with one parameter document each. Light: the steps themselves are imported when they run."""

from __future__ import annotations

from ratchet_runners.documents.base import Document
from ratchet_runners.quantize_static.config import QuantizeStatic
from ratchet_runners.recipes.incremental_distillation import IncrementalDistillation

#: The parameter document of every recipe.
PARAMETERS: dict[str, type[Document]] = {
    "quantize-static": QuantizeStatic,
    "incremental-distillation": IncrementalDistillation,
}
