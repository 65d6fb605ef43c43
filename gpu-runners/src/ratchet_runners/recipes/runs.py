"""How every recipe runs, and how its time is spread. Imports what the recipes need; `PARAMETERS` does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx

from ratchet_runners.recipes.compress_run import compress
from ratchet_runners.recipes.incremental_distillation_run import incremental_distillation
from ratchet_runners.recipes.outcome import Made
from ratchet_runners.recipes.quantize_static import quantize_static
from ratchet_runners.workbench import Workbench

RUNS: dict[str, Callable[[Any, onnx.ModelProto, Workbench], Made]] = {
    "quantize-static": quantize_static,
    "incremental-distillation": incremental_distillation,
    "compress": compress,
}
