"""What is installed, and which recipes can therefore run here."""

from __future__ import annotations

import os
import platform
from importlib import metadata, util

NEEDS = {
    "quantize-static": ("numpy", "onnx", "onnxruntime", "pyarrow", "pydantic"),
    "incremental-distillation": ("numpy", "onnx", "onnxruntime", "pyarrow", "pydantic", "torch"),
}


def examine() -> dict[str, str]:
    """Versions, the machine, and each recipe as `available` or `unavailable: …`. Imports nothing heavy."""
    findings = {"python": platform.python_version(), "machine": f"{platform.machine()}, {os.cpu_count()} processors"}
    for name in NEEDS["incremental-distillation"]:
        findings[name] = metadata.version(name) if util.find_spec(name) else "missing"
    for recipe, names in NEEDS.items():
        missing = [name for name in names if findings[name] == "missing"]
        extra = " (install the extra [train])" if missing == ["torch"] else ""
        findings[recipe] = f"unavailable: {', '.join(missing)} missing{extra}" if missing else "available"
    return findings
