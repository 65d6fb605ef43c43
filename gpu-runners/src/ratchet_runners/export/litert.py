"""LiteRT (once TensorFlow Lite), by onnx2tf."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ratchet_runners.data.rows import Floats, Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.export.adapter import Adapter, ExportFailed, Runner
from ratchet_runners.model.precision import form_of
from ratchet_runners.model.scoring import serialise

TIMEOUT_SECONDS = 600.0


class LiteRtAdapter(Adapter):
    """Float models only: onnx2tf quantizes by itself, from calibration of its own, so that a Q/DQ graph would come out
    with other integers than those that were judged. The layout stays that of the ONNX file (channels first)."""

    name = "litert"
    packages = {"onnx2tf": "onnx2tf", "ai_edge_litert": "ai-edge-litert"}  # noqa: RUF012

    def export(self, model: onnx.ModelProto, contract: ModelContract, folder: Path) -> tuple[Path, ...]:
        form = form_of(model)
        if form != "float":
            raise ExportFailed(
                f"LiteRT takes the float model only, and this one is {form}: export the model before quantization"
            )
        path = folder / "model.tflite"
        with tempfile.TemporaryDirectory(prefix="ratchet-export-") as beside:
            source = Path(beside) / "model.onnx"
            source.write_bytes(serialise(model))
            _convert(source, Path(beside), contract)
            made = sorted(Path(beside).glob("*_float32.tflite"))
            if not made:
                raise ExportFailed("onnx2tf wrote no LiteRT file")
            path.write_bytes(made[0].read_bytes())
        return (path,)

    def load(self, file: Path, contract: ModelContract, threads: int) -> Runner:
        from ai_edge_litert.interpreter import Interpreter  # pyright: ignore[reportMissingImports]

        interpreter: Any = Interpreter(model_path=str(file), num_threads=threads)
        taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        sized: list[int] = []

        def answer(rows: Inputs) -> Floats:
            if sized != [len(rows)]:
                interpreter.resize_tensor_input(taken["index"], list(rows.shape))
                interpreter.allocate_tensors()
                sized[:] = [len(rows)]
            interpreter.set_tensor(taken["index"], rows)
            interpreter.invoke()
            return np.array(interpreter.get_tensor(given["index"]))

        return answer


def _convert(source: Path, folder: Path, contract: ModelContract) -> None:
    """In a process of its own: the converter brings a framework along and prints a lot."""
    command = [sys.executable, "-m", "onnx2tf", "-i", str(source), "-o", str(folder), "-n"]
    try:
        subprocess.run(
            [*command, "-kat", contract.input.name],
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise ExportFailed(f"onnx2tf took longer than {TIMEOUT_SECONDS:g} seconds") from error
    except subprocess.CalledProcessError as error:
        last = [line for line in (error.stderr or error.stdout or "").splitlines() if line.strip()][-5:]
        raise ExportFailed("onnx2tf does not take the model", last) from error
