"""Files are addressed by what their bytes hash to, and checked before use."""

from __future__ import annotations

import hashlib


def digest_of_bytes(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
