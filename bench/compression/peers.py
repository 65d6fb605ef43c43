"""One peer on one family, in the peers' own environment: `peers.py NAME FAMILY_FOLDER OUTPUT.onnx`.

Every peer gets the same traffic rows as our recipes; NNCF's accuracy control alone is given labels, which it asks for.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

CALIBRATION_ROWS = 512


def prepared(family: Path) -> Path:
    """The model as ONNX Runtime's own guide asks for it, without the stale shapes that stop `quantize_dynamic`."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    path = Path(tempfile.mkdtemp()) / "prepared.onnx"
    quant_pre_process(str(family / "model.onnx"), str(path), skip_symbolic_shape=True)
    model = onnx.load(path)
    del model.graph.value_info[:]
    onnx.save(model, path)
    return path


def traffic(family: Path) -> np.ndarray:
    return np.load(family / "data.npz")["traffic_x"]


class Reader:
    def __init__(self, rows: np.ndarray) -> None:
        self._batches = iter([{"input": rows[start : start + 32]} for start in range(0, len(rows), 32)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._batches, None)


def ort_static(family: Path, output: Path, per_channel: bool = False) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    quantize_static(
        str(prepared(family)),
        str(output),
        Reader(traffic(family)[:CALIBRATION_ROWS]),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=per_channel,
    )


def ort_dynamic(family: Path, output: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(str(prepared(family)), str(output), weight_type=QuantType.QInt8, per_channel=True)


def ort_blocks(family: Path, output: Path) -> None:
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantizer = MatMulNBitsQuantizer(onnx.load(prepared(family)), block_size=32, is_symmetric=True, accuracy_level=4)
    quantizer.process()
    onnx.save(quantizer.model.model, output)


def nncf_static(family: Path, output: Path) -> None:
    import nncf

    data = nncf.Dataset(list(traffic(family)[:300]), lambda row: {"input": row[None]})
    onnx.save(nncf.quantize(onnx.load(prepared(family)), data, subset_size=300, **_kind(family)), output)


def nncf_accuracy(family: Path, output: Path) -> None:
    import nncf

    stored = np.load(family / "data.npz")
    rows, labels = stored["traffic_x"], stored["traffic_y"]
    validation = list(zip(rows[300:800], labels[300:800], strict=True)) or list(zip(rows, labels, strict=True))

    def validate(model: onnx.ModelProto, items: Iterator[Any]) -> float:
        session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        pairs = list(items)
        answers = session.run(None, {"input": np.stack([row for row, _ in pairs])})[0].argmax(1)
        return float((answers == np.array([label for _, label in pairs])).mean())

    made = nncf.quantize_with_accuracy_control(
        onnx.load(prepared(family)),
        nncf.Dataset(list(rows[:300]), lambda row: {"input": row[None]}),
        nncf.Dataset(validation, lambda pair: pair),
        validate,
        max_drop=0.001,
        **_kind(family),
    )
    onnx.save(made, output)


def _kind(family: Path) -> dict[str, Any]:
    import nncf

    return {"model_type": nncf.ModelType.TRANSFORMER} if family.name == "encoder" else {}


def aimet_adaround(family: Path, output: Path) -> None:
    import aimet_onnx

    rows = traffic(family)[:CALIBRATION_ROWS]
    batches = [{"input": rows[start : start + 32]} for start in range(0, len(rows), 32)]
    model = onnx.load(prepared(family))
    simulation = aimet_onnx.QuantizationSimModel(model, param_type=aimet_onnx.int4, activation_type=aimet_onnx.int8)
    aimet_onnx.apply_adaround(simulation, batches, num_iterations=400)
    simulation.compute_encodings(batches)
    onnx.save(simulation.to_onnx_qdq(export_int32_bias=True, prequantize_constants=True), output)


def torch_pruning(family: Path, output: Path) -> None:
    """Half of the channels, by the original module; then trained on its own soft answers as long as ours."""
    import torch
    import torch_pruning as pruning
    from torch.nn import functional

    from families import export, network_of

    torch.manual_seed(3)
    network, source = network_of(family), network_of(family)
    rows = torch.from_numpy(traffic(family))
    with torch.no_grad():
        taught = torch.cat([source(rows[start : start + 256]) for start in range(0, len(rows), 256)])
    keep = [module for name, module in network.named_modules() if name == "head"]
    pruner = pruning.pruner.MagnitudePruner(
        network,
        rows[:2],
        importance=pruning.importance.GroupMagnitudeImportance(),
        pruning_ratio=0.5,
        ignored_layers=keep,
        round_to=16 if family.name == "cnn" else 8,
    )
    pruner.step()
    network.train()
    generator = np.random.default_rng(7)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    ends = time.monotonic() + 40
    while time.monotonic() < ends:
        chosen = torch.from_numpy(generator.integers(0, len(rows), 64))
        soft = functional.softmax(taught[chosen] / 3, dim=1)
        loss = 9 * functional.kl_div(
            functional.log_softmax(network(rows[chosen]) / 3, dim=1), soft, reduction="batchmean"
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    export(network.eval(), rows[:3], output)


PEERS: dict[str, Callable[[Path, Path], None]] = {
    "ort-static": ort_static,
    "ort-static-per-channel": lambda family, output: ort_static(family, output, per_channel=True),
    "ort-dynamic": ort_dynamic,
    "ort-int4-blocks": ort_blocks,
    "nncf": nncf_static,
    "nncf-accuracy-control": nncf_accuracy,
    "aimet-adaround-w4": aimet_adaround,
    "torch-pruning-50": torch_pruning,
}

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    PEERS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
