"""A teacher answers by ONNX Runtime, so that any model may teach, also one that the graph engine cannot train."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import torch

from ratchet_runners.data.rows import Indices, Inputs
from ratchet_runners.model.probe import with_outputs
from ratchet_runners.model.scoring import BATCH, serialise, session_of
from ratchet_runners.workbench import Workbench


class Teacher:
    """Answers of one model about the rows of a workbench, and tensors on the way to them."""

    def __init__(self, model: onnx.ModelProto, taps: Sequence[str], bench: Workbench) -> None:
        """@throws ModelUnusable, also for a name that no tensor has"""
        self._taps = tuple(dict.fromkeys(taps))
        self._bench = bench
        self._session = session_of(serialise(with_outputs(model, self._taps)), bench.threads)

    def ask(self, inputs: Inputs) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Answers of shape (rows, numbers) and the tapped tensors, for one batch."""
        contract = self._bench.contract
        found = self._session.run([contract.output.name, *self._taps], {contract.input.name: inputs})
        answers, *tensors = (torch.from_numpy(np.array(value, dtype=np.float32)) for value in found)
        return answers.reshape(len(inputs), -1), dict(zip(self._taps, tensors, strict=True))

    def answers(self, positions: Indices, tell: Callable[[float], None]) -> torch.Tensor:
        """Answers about rows by their position: as many rows as the workbench has, zero where nobody asked."""
        rows = self._bench.rows
        taught = torch.zeros(len(rows), int(np.prod(self._bench.contract.output.shape[1:])))
        for start in range(0, len(positions), BATCH):
            batch = positions[start : start + BATCH]
            taught[batch] = self.ask(np.ascontiguousarray(rows.input[batch]))[0]
            tell(min(1.0, (start + BATCH) / len(positions)))
        return taught
