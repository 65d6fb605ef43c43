"""What torch trained is what ONNX Runtime will answer: compared on real rows, as a condition of every candidate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from ratchet_runners.data.rows import Indices
from ratchet_runners.documents.job import Classification
from ratchet_runners.engine.module import GraphModule
from ratchet_runners.engine.train import answers
from ratchet_runners.model.scoring import score
from ratchet_runners.workbench import Workbench

#: Share of rows on which both must name the same class.
LEAST_AGREEMENT = 0.995
#: Largest root mean squared difference, as a share of the answers' root mean square. Kernels that add in integers
#: round once where torch rounds twice: single steps of a tensor differ, the answers' bulk must not.
LARGEST_DEVIATION = 0.05


@dataclass(frozen=True)
class Parity:
    rows: int
    #: Share of rows with the same class; None for a regression.
    agreement: float | None
    #: Root mean squared difference by the root mean square of ONNX Runtime's answers.
    deviation: float

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why the model must not become a candidate; none when it may."""
        if self.agreement is not None and self.agreement < LEAST_AGREEMENT:
            return (
                f"ONNX Runtime names another class than the trained model on {1 - self.agreement:.2%} of {self.rows} "
                f"rows; at most {1 - LEAST_AGREEMENT:.1%} may differ",
            )
        if not self.deviation <= LARGEST_DEVIATION:
            return (
                f"ONNX Runtime's answers differ from the trained model's by {self.deviation:.1%} of their size; at "
                f"most {LARGEST_DEVIATION:.0%} may be",
            )
        return ()

    def figures(self) -> dict[str, float | None]:
        return {"parityRows": float(self.rows), "parityAgreement": self.agreement, "parityDeviation": self.deviation}


def parity(module: GraphModule, written: onnx.ModelProto, positions: Indices, bench: Workbench) -> Parity:
    """Compares the module with what it has written back, on these rows. @throws ModelUnusable"""
    inputs = bench.rows.input[positions]
    served = score(written, inputs, bench.contract, bench.threads).reshape(len(positions), -1).astype(np.float64)
    module.eval()
    simulated = answers(module, inputs).cpu().numpy().reshape(len(positions), -1).astype(np.float64)
    if not len(positions):
        return Parity(0, None, 0.0)
    size = float(np.sqrt(np.mean(served**2))) + 1e-12
    deviation = float(np.sqrt(np.mean((served - simulated) ** 2))) / size
    agreement = None
    if isinstance(bench.contract.task, Classification):
        agreement = float((served.argmax(axis=1) == simulated.argmax(axis=1)).mean())
    return Parity(len(positions), agreement, deviation)
