"""Import, training, write-back: the same graph with other weights."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import torch

from ratchet_runners.engine.module import GraphModule
from ratchet_runners.engine.train import Schedule, train
from support import images, network


def answers(model, rows: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"input": rows})[0]


def test_module_answers_like_onnx_runtime() -> None:
    model, rows = network(), images(20, 5)[0]
    module = GraphModule(model, "input", "logits")
    np.testing.assert_allclose(module(torch.from_numpy(rows)).detach().numpy(), answers(model, rows), atol=1e-4)


def test_untouched_weights_come_back_as_they_were() -> None:
    model = network()
    assert GraphModule(model, "input", "logits").write_back() == model


def test_training_changes_weights_and_nothing_else() -> None:
    model = network()
    module = GraphModule(model, "input", "logits")
    rows, labels = images(200, 6, turned=True)
    targets = torch.from_numpy(labels)

    def loss(batch: np.ndarray) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(module(torch.from_numpy(rows[batch])), targets[batch])

    def score() -> float:
        with torch.no_grad():
            return -float(loss(np.arange(len(rows))))

    before = score()
    schedule = Schedule(3, 32, 5e-3, 0.0, 2, 30.0, 1)
    trained = train(module, np.arange(len(rows)), loss, score, schedule, lambda fraction, message: None)
    assert trained.best > before
    written = module.write_back()
    assert [node.SerializeToString() for node in written.graph.node] == [
        node.SerializeToString() for node in model.graph.node
    ]
    assert [(tensor.name, tensor.dims) for tensor in written.graph.initializer] == [
        (tensor.name, tensor.dims) for tensor in model.graph.initializer
    ]
    with torch.no_grad():
        simulated = module(torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(answers(written, rows), simulated, atol=1e-3)


def test_without_time_nothing_is_lost() -> None:
    model = network()
    module = GraphModule(model, "input", "logits")
    schedule = Schedule(3, 32, 5e-3, 0.0, 2, 0.0, 1)

    def loss(batch: np.ndarray) -> torch.Tensor:
        raise AssertionError("no step may begin")

    trained = train(module, np.arange(50), loss, lambda: 0.0, schedule, lambda fraction, message: None)
    assert trained.cut_short
    assert module.write_back() == model
