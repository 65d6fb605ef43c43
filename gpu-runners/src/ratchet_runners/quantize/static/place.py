"""Lets ONNX Runtime place the Q/DQ pairs, from ranges that are known already."""

from __future__ import annotations

import logging
from collections.abc import Collection

import numpy as np
import onnx
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import QuantType

from ratchet_runners.quantize.static.calibrate import Ranges


def place(model: onnx.ModelProto, nodes: Collection[str], ranges: Ranges, per_channel: bool) -> onnx.ModelProto:
    """The model with these nodes in eight bits: unsigned activations (signed ones are slower), signed weights."""
    shaped = onnx.shape_inference.infer_shapes(model)
    operators = sorted({node.op_type for node in model.graph.node if node.name in nodes})
    data: dict[str, TensorData | tuple[float, ...]] = {
        name: TensorData(lowest=np.float32(low), highest=np.float32(high))
        for name, (low, high) in sorted(ranges.items())
    }
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)  # the quantizer tells of every bias that it leaves alone
    try:
        quantizer = QDQQuantizer(
            shaped,
            per_channel,
            False,
            QuantType.QInt8,
            QuantType.QUInt8,
            TensorsData(CalibrationMethod.MinMax, data),
            [node.name for node in model.graph.node if node.name in nodes],
            [],
            operators,
            {"ActivationSymmetric": False, "WeightSymmetric": True},
        )
        quantizer.quantize_model()
    finally:
        logging.getLogger().setLevel(level)
    quantizer.model.topological_sort()
    placed: onnx.ModelProto = quantizer.model.model
    del placed.graph.value_info[:]
    placed.producer_name = "ratchet-runners"
    placed.producer_version = ""
    return placed
