"""ONNX itself: one file, whole, checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from ratchet_runners.data.rows import Floats, Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.export.adapter import Adapter, ExportFailed, Runner
from ratchet_runners.model.scoring import serialise
from ratchet_runners.model.session import session_of


class OnnxAdapter(Adapter):
    name = "onnx"
    packages = {"onnx": "onnx", "onnxruntime": "onnxruntime"}  # noqa: RUF012

    def export(self, model: onnx.ModelProto, contract: ModelContract, folder: Path) -> tuple[Path, ...]:
        path = folder / "model.onnx"
        path.write_bytes(serialise(model))
        try:
            onnx.checker.check_model(str(path))
        except onnx.checker.ValidationError as error:
            raise ExportFailed("The written file is no valid ONNX model", [str(error).strip()]) from error
        return (path,)

    def load(self, file: Path, contract: ModelContract, threads: int) -> Runner:
        session = session_of(file.read_bytes(), threads)

        def answer(rows: Inputs) -> Floats:
            (found,) = session.run([contract.output.name], {contract.input.name: rows})
            return np.asarray(found)

        return answer
