"""What recipes that train begin with."""

from __future__ import annotations

from ratchet_runners.faults import MissingExtra
from ratchet_runners.workbench import Workbench


def prepare_torch(bench: Workbench, who: str) -> None:
    """Threads, seed and determinism. `who` begins the sentence about a missing torch. @throws MissingExtra"""
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{who} needs torch: install the package with its extra [train]") from error
    torch.set_num_threads(bench.threads)
    torch.manual_seed(bench.seed)
    torch.use_deterministic_algorithms(True)
