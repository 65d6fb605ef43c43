"""Exports are proved against ONNX Runtime; a target that is not there says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest

from ratchet_runners.evaluate.options import EvaluationOptions
from ratchet_runners.export.adapter import Adapter, ExportFailed, TargetUnavailable
from ratchet_runners.export.litert import LiteRtAdapter
from ratchet_runners.export.onnx_file import OnnxAdapter
from ratchet_runners.export.run import contract_of, export, export_file, probes
from ratchet_runners.export.tensorrt_engine import TensorRtAdapter
from ratchet_runners.export.verify import verify
from ratchet_runners.faults import DataUnusable, ModelUnusable
from support import command, environment, images, network
from support_evaluate import CONTRACT_OF_BARS, damaged
from test_footprint import eight_bit  # noqa: F401  (a fixture)

ROWS = images(100, 5)[0]


class Untrue(OnnxAdapter):
    """Writes another model than it was given, or answers in another form."""

    def __init__(self, change, model=None):
        self._change, self._model = change, model

    def export(self, model, contract, folder):
        return super().export(self._model or model, contract, folder)

    def load(self, file, contract, threads):
        runner = super().load(file, contract, threads)
        return lambda rows: self._change(runner(rows))


def proof(adapter: Adapter, folder):
    (path,) = adapter.export(network(), CONTRACT_OF_BARS, folder)
    return verify(adapter, path, network(), ROWS, CONTRACT_OF_BARS, rounds=10, seconds=0.2)


def test_onnx_goes_out_and_comes_back_the_same(tmp_path):
    made = export(network(), "onnx", tmp_path / "new", CONTRACT_OF_BARS, ROWS)
    assert made.verification.faults == ()
    assert (made.verification.largest_difference, made.verification.agreement) == (0, 1)
    assert made.verification.shape == (64, 4)
    assert made.source == made.files[0].digest
    assert made.verification.latency_low <= made.verification.latency_ratio <= made.verification.latency_high


def test_every_kind_of_difference_is_a_fault(tmp_path):
    cases = {
        "shape": (Untrue(lambda answers: answers.reshape(-1, 2, 2)), "shape"),
        "type": (Untrue(lambda answers: answers.astype(np.float64)), "float64"),
        "nan": (Untrue(lambda answers: answers * np.nan), "not finite"),
        "values": (Untrue(lambda answers: answers * 1.01), "differ by"),
        "answers": (Untrue(lambda answers: answers, damaged(6.0)), "agrees on"),
    }
    for adapter, fault in cases.values():
        assert fault in " ".join(proof(adapter, tmp_path).faults)


def test_targets_that_are_not_here_say_what_to_install_and_import_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = probes()
    assert found["openvino"] == "unavailable: install openvino"
    assert found["litert"] == "unavailable: install onnx2tf, ai-edge-litert"
    with pytest.raises(TargetUnavailable, match="install tensorrt, torch"):
        export(network(), "tensorrt", tmp_path, CONTRACT_OF_BARS)
    show = "import sys; from ratchet_runners.export.run import probes; probes(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", show], env=environment(), capture_output=True, text=True, check=True)
    assert not {"openvino", "tensorrt", "tensorflow", "torch", "onnx2tf"} & set(done.stdout.split())


def test_what_a_target_never_takes_is_refused_before_its_packages_are_asked(eight_bit, tmp_path):  # noqa: F811
    static, _ = eight_bit
    with pytest.raises(ExportFailed) as refused:
        TensorRtAdapter().export(static, CONTRACT_OF_BARS, tmp_path)
    assert "hardware profile tensorrt" in refused.value.text()
    with pytest.raises(ExportFailed, match="this one is qdq"):
        LiteRtAdapter().export(static, CONTRACT_OF_BARS, tmp_path)


def test_openvino_takes_the_float_and_the_integer_model(eight_bit, tmp_path):  # noqa: F811
    found = probes()["openvino"]
    if found != "available" and not os.environ.get("RATCHET_EXPORTS"):
        pytest.skip(f"openvino is {found}; RATCHET_EXPORTS=1 makes this a failure")
    static, _ = eight_bit
    for name, model in (("float", network()), ("int8", static)):
        made = export(model, "openvino", tmp_path / name, CONTRACT_OF_BARS, ROWS)
        assert made.verification.faults == ()
        assert [file.file for file in made.files] == ["model.xml", "model.bin"]
    assert (tmp_path / "int8" / "model.bin").stat().st_size < 0.4 * (tmp_path / "float" / "model.bin").stat().st_size


def test_the_command_writes_the_model_and_its_proof(tmp_path):
    onnx.save(network(), tmp_path / "net.onnx")
    np.save(tmp_path / "rows.npy", ROWS)
    made = export_file(tmp_path / "net.onnx", "onnx", tmp_path / "out", tmp_path / "rows.npy")
    assert json.loads((tmp_path / "out" / "export.json").read_text())["source"] == made.source
    bare = export_file(tmp_path / "net.onnx", "onnx", tmp_path / "bare")
    assert (bare.verification, bare.notes) == (None, ("not compared: there were no rows",))
    np.save(tmp_path / "narrow.npy", ROWS[..., :3])
    with pytest.raises(DataUnusable, match="have shape"):
        export_file(tmp_path / "net.onnx", "onnx", tmp_path / "out", tmp_path / "narrow.npy")
    with pytest.raises(ModelUnusable, match="cannot be read"):
        export_file(tmp_path / "no.onnx", "onnx", tmp_path / "out")
    unknown = command("export", tmp_path / "net.onnx", "--to", "abacus", "--output", tmp_path / "out")
    assert subprocess.run(unknown, env=environment(), capture_output=True, check=False).returncode == 2


def test_the_contract_is_read_off_a_model_or_the_reason_told():
    found = contract_of(network())
    assert (found.task.kind, found.input.shape, found.output.name) == ("classification", (-1, 1, 8, 8), "logits")
    free = network()
    free.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    with pytest.raises(ModelUnusable, match="must be fixed"):
        contract_of(free)


def test_options_have_bounds():
    with pytest.raises(ValueError, match="less than or equal"):
        EvaluationOptions(calibration_bins=1000)
