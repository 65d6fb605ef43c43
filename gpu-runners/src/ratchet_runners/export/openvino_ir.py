"""OpenVINO's intermediate representation: model.xml and model.bin."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ratchet_runners.data.rows import Floats, Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.export.adapter import Adapter, ExportFailed, Runner
from ratchet_runners.model.scoring import serialise


class OpenVinoAdapter(Adapter):
    """Reads the ONNX file by OpenVINO's own front end, which telemetry has no part in. Q/DQ pairs become
    `FakeQuantize`, which the CPU plug-in fuses to integers; weights keep the bits that they have."""

    name = "openvino"
    packages = {"openvino": "openvino"}  # noqa: RUF012

    def export(self, model: onnx.ModelProto, contract: ModelContract, folder: Path) -> tuple[Path, ...]:
        openvino = _openvino()
        path = folder / "model.xml"
        with tempfile.TemporaryDirectory(prefix="ratchet-export-") as beside:
            source = Path(beside) / "model.onnx"
            source.write_bytes(serialise(model))
            try:
                read = openvino.Core().read_model(str(source))
                openvino.save_model(read, str(path), compress_to_fp16=False)
            except Exception as error:  # OpenVINO throws RuntimeError with the operator's name in it
                raise ExportFailed("OpenVINO does not take the model", _said(error)) from error
        return path, path.with_suffix(".bin")

    def load(self, file: Path, contract: ModelContract, threads: int) -> Runner:
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            # Without this the plug-in computes in half precision where the processor can.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        try:
            compiled = _openvino().Core().compile_model(str(file), "CPU", settings)
        except Exception as error:
            raise ExportFailed("OpenVINO does not load what it wrote", _said(error)) from error
        request, output = compiled.create_infer_request(), compiled.output(contract.output.name)

        def answer(rows: Inputs) -> Floats:
            return np.asarray(request.infer({contract.input.name: rows})[output])

        return answer


def _openvino() -> Any:
    import openvino  # pyright: ignore[reportMissingImports]

    return openvino


def _said(error: Exception) -> list[str]:
    return [line for line in str(error).strip().splitlines() if line.strip()][:5]
