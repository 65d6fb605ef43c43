"""What is installed, and which recipes and techniques can therefore run here."""

from __future__ import annotations

import os
import platform
from importlib import metadata, util
from pathlib import Path

from ratchet_runners.recipes.techniques import TECHNIQUES

NEEDS = {
    "quantize-static": ("numpy", "onnx", "onnxruntime", "pyarrow", "pydantic"),
    "incremental-distillation": ("numpy", "onnx", "onnxruntime", "pyarrow", "pydantic", "torch"),
    "compress": ("numpy", "onnx", "onnxruntime", "pyarrow", "pydantic"),
}


def examine() -> dict[str, str]:
    """Versions, the machine, each recipe and technique as `available` or `unavailable: …`. Imports nothing heavy."""
    devices = sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*"))
    findings = {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "gpu": ", ".join(devices) or "none",
    }
    for name in NEEDS["incremental-distillation"]:
        findings[name] = metadata.version(name) if util.find_spec(name) else "missing"
    for recipe, names in NEEDS.items():
        findings[recipe] = _standing([name for name in names if findings[name] == "missing"])
    for kind in TECHNIQUES:
        needs = kind.model_validate({}).needs()
        missing = [*(["torch"] if needs.torch and findings["torch"] == "missing" else [])]
        missing += ["a GPU"] if needs.gpu and not devices else []
        findings[f"technique {kind.model_fields['technique'].default}"] = _standing(missing)
    return findings


def _standing(missing: list[str]) -> str:
    extra = " (install the extra [train])" if missing == ["torch"] else ""
    return f"unavailable: {', '.join(missing)} missing{extra}" if missing else "available"
