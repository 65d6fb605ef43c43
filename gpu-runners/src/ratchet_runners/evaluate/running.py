"""How ONNX Runtime really runs a model: which integers it gave up, and where the time goes."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from ratchet_runners.data.rows import Inputs
from ratchet_runners.documents.job import ModelContract
from ratchet_runners.evaluate.document import Execution, Fallback
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import Graph, copy_of, kind_of
from ratchet_runners.model.scoring import serialise

RUNS = 12


def execution_of(model: onnx.ModelProto, rows: Inputs, contract: ModelContract, threads: int) -> Execution:
    """@throws ModelUnusable when ONNX Runtime does not run the model"""
    return Execution(fallbacks=fallbacks_of(model), shares=time_shares(model, rows, contract, threads))


def fallbacks_of(model: onnx.ModelProto) -> tuple[Fallback, ...]:
    """Nodes between Q/DQ pairs that ONNX Runtime does not fuse into an integer kernel: they pay for conversion and
    compute in floating point. Found by looking for their names in the graph as it is after optimisation.

    @throws ModelUnusable when ONNX Runtime does not load the model
    """
    named = copy_of(model)
    for position, node in enumerate(named.graph.node):
        node.name = f"{node.name or node.op_type}#{position}"  # unique, or another node could answer to the name
    before = Graph(named)
    intended = [node for node in named.graph.node if _intended(before, node)]
    if not intended:
        return ()
    after = Graph(_optimised(named))
    found: list[Fallback] = []
    for node in intended:
        now = after.nodes.get(node.name)
        if now is not None and _in_float(after, now):
            found.append(Fallback(node=node.name.rpartition("#")[0], operator=kind_of(node)))
    return tuple(found)


def _dequantized(graph: Graph, name: str) -> bool:
    producer = graph.producer(name)
    return producer is not None and producer.op_type == "DequantizeLinear"


def _intended(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether whoever placed the pairs wanted integers here: all activations come dequantized, and either all results
    are quantized again or a weight is quantized too."""
    if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        return False
    weights = [name for name in node.input if name and (graph.is_constant(name) or _from_constant(graph, name))]
    activations = [name for name in node.input if name and name not in weights]
    if not activations or not all(_dequantized(graph, name) for name in activations):
        return False
    if any(_from_constant(graph, name) for name in weights):
        return True
    users = [user for name in node.output for user in graph.consumers(name)]
    return bool(users) and all(user.op_type == "QuantizeLinear" for user in users)


def _from_constant(graph: Graph, name: str) -> bool:
    """Whether a tensor is a constant that is dequantized."""
    producer = graph.producer(name)
    return producer is not None and producer.op_type == "DequantizeLinear" and graph.is_constant(producer.input[0])


def _in_float(graph: Graph, node: onnx.NodeProto) -> bool:
    return any(_dequantized(graph, name) for name in node.input)


def _optimised(model: onnx.ModelProto) -> onnx.ModelProto:
    """As ONNX Runtime would run it, but for the layouts of convolutions, which rename nodes."""
    with tempfile.TemporaryDirectory(prefix="ratchet-optimised-") as folder:
        path = Path(folder) / "optimised.onnx"
        options = _options(1)
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(path)
        _session(model, options)
        return onnx.load_model(str(path))


def time_shares(model: onnx.ModelProto, rows: Inputs, contract: ModelContract, threads: int) -> dict[str, float]:
    """Share of the time in operators by kind, largest first; of each node the median over some runs.

    @throws ModelUnusable
    """
    with tempfile.TemporaryDirectory(prefix="ratchet-profile-") as folder:
        options = _options(threads)
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = _session(model, options)
        feed = {contract.input.name: np.ascontiguousarray(rows)}
        for _ in range(RUNS):
            session.run([contract.output.name], feed)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and str(event.get("name", "")).endswith("_kernel_time"):
            times[event["name"], event["args"]["op_name"]].append(float(event["dur"]))
    sums: dict[str, float] = defaultdict(float)
    for (_, kind), durations in times.items():
        sums[kind] += float(np.median(durations))
    total = sum(sums.values()) or 1.0
    return {kind: value / total for kind, value in sorted(sums.items(), key=lambda item: (-item[1], item[0]))}


def _options(threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _session(model: onnx.ModelProto, options: Any) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(serialise(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a dozen exception classes without a common base
        raise ModelUnusable("ONNX Runtime does not load the model", [str(error).strip()]) from error
