"""A TensorRT engine, for the very GPU that it is built on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from ratchet_runners.data.rows import Floats, Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.export.adapter import Adapter, ExportFailed, Runner
from ratchet_runners.model.precision import constants_of, nodes_of
from ratchet_runners.model.scoring import serialise

#: Rows that an engine is built for: least, usual, most.
BATCHES = (1, 8, 256)


class TensorRtAdapter(Adapter):
    """Types are those of the graph (a strongly typed network), so that Q/DQ pairs decide what is computed in integers,
    and nothing is rounded that the graph does not round."""

    name = "tensorrt"
    packages = {"tensorrt": "tensorrt", "torch": "torch"}  # noqa: RUF012

    def probe(self) -> str:
        found = super().probe()
        if found == "available" and not any(Path("/dev").glob("nvidia[0-9]*")):
            return "unavailable: no NVIDIA GPU is visible"
        return found

    def export(self, model: onnx.ModelProto, contract: ModelContract, folder: Path) -> tuple[Path, ...]:
        objections = _objections(model)
        if objections:
            raise ExportFailed("TensorRT does not take the model", objections)
        trt = _tensorrt()
        logger = trt.Logger(trt.Logger.ERROR)
        builder = trt.Builder(logger)
        network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(network, logger)
        if not parser.parse(serialise(model)):
            faults = [str(parser.get_error(number)) for number in range(parser.num_errors)]
            raise ExportFailed("TensorRT does not take the model", faults)
        profile = builder.create_optimization_profile()
        profile.set_shape(contract.input.name, *((batch, *contract.input.shape[1:]) for batch in BATCHES))
        config = builder.create_builder_config()
        config.add_optimization_profile(profile)
        engine = builder.build_serialized_network(network, config)
        if engine is None:
            raise ExportFailed("TensorRT builds no engine of the model")
        path = folder / "model.engine"
        path.write_bytes(bytes(engine))
        return (path,)

    def load(self, file: Path, contract: ModelContract, threads: int) -> Runner:
        import torch

        trt = _tensorrt()
        runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        engine = runtime.deserialize_cuda_engine(file.read_bytes())
        if engine is None:
            raise ExportFailed("TensorRT does not load what it wrote")
        context: Any = engine.create_execution_context()
        stream = torch.cuda.Stream()

        def answer(rows: Inputs) -> Floats:
            given = torch.from_numpy(np.ascontiguousarray(rows)).cuda()
            context.set_input_shape(contract.input.name, tuple(given.shape))
            shape = tuple(context.get_tensor_shape(contract.output.name))
            made = torch.empty(shape, dtype=torch.float32, device="cuda")
            context.set_tensor_address(contract.input.name, given.data_ptr())
            context.set_tensor_address(contract.output.name, made.data_ptr())
            torch.cuda.current_stream().synchronize()  # the copy is done before another stream reads it
            context.execute_async_v3(stream.cuda_stream)
            stream.synchronize()
            return made.cpu().numpy()

        return answer


def _tensorrt() -> Any:
    import tensorrt  # pyright: ignore[reportMissingImports]

    return tensorrt


def _objections(model: onnx.ModelProto) -> list[str]:
    """What TensorRT never takes: it quantizes to signed integers around zero."""
    constants = {tensor.name: tensor for tensor in constants_of(model.graph)}
    found: list[str] = []
    for node in nodes_of(model.graph):
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear") or len(node.input) < 3:
            continue
        zero = constants.get(node.input[2])
        if zero is not None and zero.data_type == TensorProto.UINT8:
            return ["it has unsigned eight-bit integers; compress it with the hardware profile tensorrt"]
    if any(node.domain == "com.microsoft" for node in nodes_of(model.graph)):
        found.append("it has operators that only ONNX Runtime knows (com.microsoft)")
    return found
