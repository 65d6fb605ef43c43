"""Cases of operator conformance: what goes in, over which operator sets, and how it is run on both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import defs, helper, numpy_helper

from ratchet_runners.engine.operators import OPERATORS
from ratchet_runners.engine.operators.registry import Attributes
from ratchet_runners.engine.weights import FROZEN_INPUTS, tensor_of
from ratchet_runners.model.graph import attributes_of

#: The oldest and newest operator sets; ONNX Runtime 1.31 serves none newer than 26.
OLDEST, NEWEST = 11, 26


#: Where ONNX Runtime stopped to follow the standard, so that nothing newer is served.
SERVED_UNTIL = {"GlobalLpPool": 21}


@dataclass(frozen=True)
class Case:
    name: str
    inputs: tuple[np.ndarray | None, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    #: The operator sets in which this form exists and ONNX Runtime serves it.
    first: int = OLDEST
    last: int = NEWEST
    outputs: int = 1
    #: Outputs that are left out.
    without: tuple[int, ...] = ()
    #: Whether slopes exist: not where numbers are cast down to single precision or below.
    smooth: bool = True
    tolerance: float = 1e-4

    @property
    def kind(self) -> str:
        return self.name.rpartition("::")[2]

    @property
    def domain(self) -> str:
        return self.name.rpartition("::")[0]

    def __str__(self) -> str:
        kinds = "-".join("x".join(map(str, each.shape)) or "one" for each in self.inputs if each is not None)
        return f"{self.kind}-{kinds}-{'-'.join(map(str, self.attributes.values()))}"[:80]


def numbers(seed: int) -> tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]:
    """Makers of normal and of positive float32 numbers."""
    random = np.random.default_rng(seed)

    def floats(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32)

    def positive(*shape: int) -> np.ndarray:
        return random.uniform(0.3, 1.8, size=shape).astype(np.float32)

    return floats, positive


def longs(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def one(value: float) -> np.ndarray:
    return np.array(value, dtype=np.float32)


@cache
def definitions(name: str) -> list[int]:
    """The oldest operator set, every one at which the operator's definition changed, and the newest."""
    if "::" in name or name == "SimplifiedLayerNormalization":
        return [17]
    since = {
        schema.since_version
        for schema in defs.get_all_schemas_with_history()
        if schema.domain == "" and schema.name == name and schema.since_version <= NEWEST
    }
    newest = SERVED_UNTIL.get(name, NEWEST)
    return sorted({max(OLDEST, min(since)), *(each for each in since if OLDEST < each <= newest), newest})


def model_of(case: Case, opset: int) -> onnx.ModelProto:
    """One node; what goes in are the graph's inputs."""
    feeds = {f"x{at}": value for at, value in enumerate(case.inputs) if value is not None}
    names = [f"x{at}" if value is not None else "" for at, value in enumerate(case.inputs)]
    outputs = ["" if at in case.without else f"y{at}" for at in range(case.outputs)]
    node = helper.make_node(case.kind, names, outputs, domain=case.domain, **case.attributes)
    graph = helper.make_graph(
        [node],
        "one",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in feeds.items()
        ],
        [onnx.ValueInfoProto(name=name) for name in outputs if name],
    )
    imports = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(case.domain, 1)] if case.domain else [])
    model = helper.make_model(graph, opset_imports=imports)
    model.ir_version = 10
    return model


def expected(case: Case, opset: int) -> list[np.ndarray]:
    """ONNX Runtime's answers, unoptimised."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    content = model_of(case, opset).SerializeToString()
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(None, {f"x{at}": value for at, value in enumerate(case.inputs) if value is not None})


def answered(case: Case, opset: int, inputs: list[torch.Tensor | None]) -> list[torch.Tensor]:
    """The engine's answers."""
    node = model_of(case, opset).graph.node[0]
    form = Attributes(attributes_of(node), 1 if case.domain else opset, node.output)
    made = OPERATORS[case.name](form, inputs)
    listed = [made] if isinstance(made, torch.Tensor) else list(made)
    return [value for value, name in zip(listed, node.output, strict=False) if name]


def tensors(case: Case) -> list[torch.Tensor | None]:
    return [None if value is None else tensor_of("x", value) for value in case.inputs]


def slope_positions(case: Case) -> list[int]:
    """Inputs whose gradients training needs."""
    frozen = FROZEN_INPUTS.get(case.kind, ()) if not case.domain else ()
    return [
        at
        for at, value in enumerate(case.inputs)
        if value is not None and value.dtype == np.float32 and at not in frozen and value.size
    ]


def described(value: Any) -> Any:
    """An attribute that is a tensor."""
    return numpy_helper.from_array(np.asarray(value))
