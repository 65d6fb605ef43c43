"""Which builders may run here. Running somebody's Python is a decision of whoever runs the runner, not of the job."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ratchet_runners.faults import ModelUnusable

VARIABLE = "RATCHET_BUILDERS"


def require_allowed(entry: str, environment: Mapping[str, str] = os.environ) -> None:
    """Entries, modules or packages, comma-separated: `models.nets:small`, `models.nets` or `models` allow
    `models.nets:small`; a name counts only as a whole, so `models` does not allow `models_of_others.nets:small`.

    @throws ModelUnusable before anything is imported
    """
    names = [name.strip() for name in environment.get(VARIABLE, "").split(",") if name.strip()]
    if any(entry == name or entry.startswith((f"{name}:", f"{name}.")) for name in names):
        return
    raise ModelUnusable(
        f"The builder {entry} is not allowed to run here",
        [f"{VARIABLE} of the runner names {', '.join(names) or 'none'}; add the entry, its module or its package"],
    )
