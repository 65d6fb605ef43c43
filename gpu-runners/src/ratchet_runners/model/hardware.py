"""Which machine will serve: by default one like this."""

from __future__ import annotations

import platform
from pathlib import Path

from ratchet_runners.technique import HardwareProfile

#: Profiles that a job may name; `auto` is what `detect` finds. TensorRT and ARM kernels want signed activations.
PROFILES: dict[str, HardwareProfile] = {
    profile.name: profile
    for profile in (
        HardwareProfile("x86-avx512-vnni", frozenset({"avx512f", "avx512_vnni"}), 16, True, False),
        HardwareProfile("x86-avx512", frozenset({"avx512f"}), 16, True, True),
        HardwareProfile("x86-avx2-vnni", frozenset({"avx2", "avx_vnni"}), 8, True, False),
        HardwareProfile("x86-avx2", frozenset({"avx2"}), 8, True, True),
        HardwareProfile("arm64", frozenset({"asimd"}), 4, False, False),
        HardwareProfile("tensorrt", frozenset(), 32, False, False),
    )
}


def detect() -> HardwareProfile:
    """The profile of this machine by its processor's features; x86 without AVX2 counts as AVX2 without VNNI."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return PROFILES["arm64"]
    features = _features()
    if "avx512f" in features:
        return PROFILES["x86-avx512-vnni" if "avx512_vnni" in features else "x86-avx512"]
    return PROFILES["x86-avx2-vnni" if "avx_vnni" in features else "x86-avx2"]


def _features() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    flags = next((line.partition(":")[2] for line in lines if line.startswith(("flags", "Features"))), "")
    return frozenset(flags.split())
