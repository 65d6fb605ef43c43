"""One ONNX Runtime session that answers as if any choice of layers were quantized: nothing is built or loaded again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from ratchet_runners.data.rows import Floats, Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.scoring import BATCH, serialise, session_of
from ratchet_runners.quantize.calibration.ranges import Ranges
from ratchet_runners.quantize.static.channels import channel_axis, rounded
from ratchet_runners.quantize.static.fake import rounding_pair
from ratchet_runners.quantize.static.form import QuantizedForm
from ratchet_runners.quantize.static.islands import WEIGHTED


class Simulation:
    """The float model with a switch at every weighted node's activation, and weights that a request may replace.

    Switches and weights are constants that are inputs as well, which ONNX lets a request override.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        weighted: list[str],
        ranges: Ranges,
        form: QuantizedForm,
        contract: ModelContract,
        threads: int,
    ) -> None:
        graph = Graph(copy_of(model))
        self._form, self._contract = form, contract
        self._weights: dict[str, tuple[str, Floats, int | None]] = {}
        self._switches: dict[str, str] = {}
        made: list[onnx.NodeProto] = []
        for name in weighted:
            node = graph.nodes[name]
            weight = node.input[WEIGHTED[node.op_type]]
            value = graph.constant(weight)
            self._weights[name] = (weight, value, channel_axis(node, value.ndim) if form.per_channel else None)
            tensor = node.input[0]
            if tensor in ranges:
                pair, floats = rounding_pair(graph, tensor, ranges[tensor], form)
                switch, chosen = graph.fresh_name(f"{name}_switch"), graph.fresh_name(f"{name}_switched")
                graph.set_constant(switch, np.zeros((), dtype=np.bool_))
                graph.rename_input(node, tensor, chosen)
                choice = helper.make_node("Where", [switch, floats, tensor], [chosen], name=chosen)
                self._switches[name] = switch
                graph.insert([*pair, choice])
        graph.insert(made)
        graph.sort()
        values = [graph.constant(weight) for weight, _, _ in self._weights.values()]
        names = [weight for weight, _, _ in self._weights.values()]
        for weight, value in dict(zip(names, values, strict=True)).items():
            graph.model.graph.input.append(helper.make_tensor_value_info(weight, TensorProto.FLOAT, value.shape))
        for switch in self._switches.values():
            graph.model.graph.input.append(helper.make_tensor_value_info(switch, TensorProto.BOOL, ()))
        self._session: ort.InferenceSession = session_of(serialise(graph.model), threads)

    def answers(self, bits: Mapping[str, int], rows: Inputs) -> Floats:
        """What the model answers when these nodes have weights of so many bits and activations of eight."""
        feeds: dict[str, object] = {}
        for name, width in bits.items():
            weight, value, axis = self._weights[name]
            if width == 16:
                feeds[weight] = value.astype(np.float16).astype(np.float32)
                continue
            method = "mean-squared-error" if width == 4 else self._form.weight_method
            held = 7 if width == 8 and self._form.reduce_range else width
            feeds[weight] = rounded(value, axis, held, method)
            if name in self._switches:
                feeds[self._switches[name]] = np.ones((), dtype=np.bool_)
        given, wanted = self._contract.input.name, self._contract.output.name
        parts: list[Floats] = []
        for start in range(0, len(rows), BATCH):
            batch = np.ascontiguousarray(rows[start : start + BATCH])
            (answer,) = self._session.run([wanted], {**feeds, given: batch})
            parts.append(np.asarray(answer, dtype=np.float32))
        return np.concatenate(parts)
