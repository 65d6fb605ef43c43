"""Lets ONNX Runtime place the Q/DQ pairs, from ranges that are known already."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import QuantType

from ratchet_runners.model.graph import Graph
from ratchet_runners.quantize.calibration.ranges import Ranges
from ratchet_runners.quantize.static.channels import channel_axis, overrides
from ratchet_runners.quantize.static.form import QuantizedForm
from ratchet_runners.quantize.static.islands import WEIGHTED

#: Products that ONNX Runtime's kernels give as floats at no cost; a convolution must give integers.
FLOAT_ENDS = frozenset({"MatMul", "Gemm"})


def place(
    model: onnx.ModelProto, nodes: Collection[str], ranges: Ranges, form: QuantizedForm | bool = False
) -> onnx.ModelProto:
    """The model with these nodes in integers; what they give to nodes in floating point stays float where it can.

    `form` may be just whether weights have a scale a channel. A node for whose weight ONNX Runtime's quantizer cannot
    do that gets one scale. Four-bit weights need operator set 21.
    """
    form = form if isinstance(form, QuantizedForm) else QuantizedForm(per_channel=form)
    chosen = [node.name for node in model.graph.node if node.name in nodes]
    try:
        placed = _placed(model, chosen, ranges, form, frozenset())
    except ValueError:
        if not form.per_channel:
            raise
        placed = _placed(model, chosen, ranges, form, _refusing_channels(model, chosen, ranges, form))
    graph = Graph(placed)
    _leave_float_ends(graph, set(chosen))
    graph.drop_unused_constants()
    return graph.model


def _placed(
    model: onnx.ModelProto, chosen: list[str], ranges: Ranges, form: QuantizedForm, whole: Collection[str]
) -> onnx.ModelProto:
    shaped = onnx.shape_inference.infer_shapes(model)
    operators = sorted({node.op_type for node in model.graph.node if node.name in chosen})
    data: dict[str, TensorData | tuple[float, ...]] = {
        name: TensorData(lowest=np.float32(low), highest=np.float32(high))
        for name, (low, high) in sorted(ranges.items())
    }
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)  # the quantizer tells of every bias that it leaves alone
    try:
        quantizer = QDQQuantizer(
            shaped,
            form.per_channel,
            form.reduce_range,
            QuantType.QInt8,
            QuantType.QUInt8 if form.unsigned_activations else QuantType.QInt8,
            TensorsData(CalibrationMethod.MinMax, data),
            chosen,
            [],
            operators,
            {
                "ActivationSymmetric": form.symmetric_activations,
                "WeightSymmetric": form.symmetric_weights,
                "TensorQuantOverrides": _weights(model, chosen, form, whole),
            },
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


def _weights(
    model: onnx.ModelProto, chosen: Collection[str], form: QuantizedForm, whole: Collection[str]
) -> dict[str, list[dict[str, Any]]]:
    """What differs from the quantizer's own way with weights. `whole` names nodes with one scale a weight."""
    graph = Graph(model)
    found: dict[str, list[dict[str, Any]]] = {}
    for name in chosen:
        node = graph.nodes[name]
        weight = node.input[WEIGHTED[node.op_type]] if node.op_type in WEIGHTED else ""
        if not graph.is_constant(weight):
            continue
        value = graph.constant(weight)
        axis = channel_axis(node, value.ndim) if form.per_channel and name not in whole else None
        bits = 4 if name in form.four_bits else 7 if form.reduce_range else 8
        kind = QuantType.QInt4 if bits == 4 else QuantType.QInt8
        if bits == 4 or form.weight_method != "min-max":
            found[weight] = overrides(value, axis, bits, form.weight_method, kind)
        elif form.per_channel and axis is None:
            found[weight] = [{"quant_type": kind}]
    return found


def _refusing_channels(
    model: onnx.ModelProto, chosen: list[str], ranges: Ranges, form: QuantizedForm
) -> frozenset[str]:
    """Nodes that the quantizer fails on ("truth value of an array") when their weights have a scale a channel."""
    alone = replace(form, four_bits=frozenset())
    refusing: set[str] = set()
    for node in model.graph.node:
        if node.name in chosen and node.op_type in WEIGHTED:
            try:
                _placed(model, [node.name], ranges, alone, frozenset())
            except ValueError:
                refusing.add(node.name)
    return frozenset(refusing)


def _leave_float_ends(graph: Graph, chosen: Collection[str]) -> None:
    """Takes out the pair behind a product that no node in integers takes: it would round for nobody."""
    kept = {value.name for value in graph.model.graph.output}
    gone: list[onnx.NodeProto] = []
    for quantize in list(graph.model.graph.node):
        if quantize.op_type != "QuantizeLinear":
            continue
        tensor = quantize.input[0]
        producer = graph.producer(tensor)
        back = graph.consumers(quantize.output[0])
        if producer is None or producer.op_type not in FLOAT_ENDS or producer.name not in chosen:
            continue
        takers = [taker for node in back for taker in graph.consumers(node.output[0])]
        if any(taker.name in chosen for taker in takers):
            continue
        for node in back:
            for taker in graph.consumers(node.output[0]):
                graph.rename_input(taker, node.output[0], tensor)
            if node.output[0] in kept:
                producer.output[0] = node.output[0]
        gone += [quantize, *back]
    graph.remove(gone)
