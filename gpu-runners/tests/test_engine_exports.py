"""What torch's exporter writes comes back as a module: same answers, and gradients reach the weights."""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from ratchet_runners.documents.job import ModelContract
from ratchet_runners.engine.module import GraphModule, unsupported_operators
from ratchet_runners.engine.trainability import trainability
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.normalise import normalise
from support import CONTRACT, build, images, network


class Encoder(nn.Module):
    """Token ids, padding masked out."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.place = nn.Parameter(torch.zeros(1, 12, 16))
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, activation="gelu")
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(self.embed(x) + self.place, src_key_padding_mask=x == 0).mean(1))


class Recurrent(nn.Module):
    def __init__(self, layer: nn.Module, width: int) -> None:
        super().__init__()
        self.layer, self.head = layer, nn.Linear(width, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(x)[0][:, -1])


class Convolutional(nn.Module):
    """Batch and group norm, groups, a transposed convolution, interpolation."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.batch, self.group = nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.GroupNorm(2, 8)
        self.second, self.up = nn.Conv2d(8, 8, 3, padding=1, groups=2), nn.ConvTranspose2d(8, 4, 2, 2)
        self.head = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.batch(self.first(x)))
        x = x + nn.functional.silu(self.group(self.second(x)))
        x = self.up(nn.functional.max_pool2d(x, 2))
        return self.head(nn.functional.interpolate(x, scale_factor=2, mode="bilinear").mean((2, 3)))


MODELS = {
    "encoder": (Encoder, (12,), "INT64"),
    "gru": (lambda: Recurrent(nn.GRU(5, 8, 2, batch_first=True, bidirectional=True), 16), (7, 5), "FP32"),
    "lstm": (lambda: Recurrent(nn.LSTM(5, 8, batch_first=True), 8), (7, 5), "FP32"),
    "cnn": (Convolutional, (1, 8, 8), "FP32"),
}


def exported(name: str) -> tuple[nn.Module, onnx.ModelProto, ModelContract, np.ndarray]:
    torch.manual_seed(0)
    maker, shape, datatype = MODELS[name]
    module = maker().eval()
    for parameter in module.parameters():  # equal weights of twin layers would be exported as one
        nn.init.normal_(parameter, std=0.3)
    rows = torch.randint(0, 50, (6, *shape)) if datatype == "INT64" else torch.randn(6, *shape)
    file = io.BytesIO()
    free = {"input": {0: "batch"}, "logits": {0: "batch"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (rows,), file, dynamo=False, opset_version=17, input_names=["input"], output_names=["logits"],
            dynamic_axes=free,
        )  # fmt: skip
    tensor = {"name": "input", "datatype": datatype, "shape": [-1, *shape]}
    return (
        module,
        onnx.load_from_string(file.getvalue()),
        ModelContract.model_validate({**CONTRACT, "input": tensor}),
        rows.numpy(),
    )


@pytest.mark.parametrize("name", MODELS)
def test_an_exported_model_is_trained_whole(name: str) -> None:
    original, model, contract, rows = exported(name)
    plain = normalise(model, rows, contract, 1)
    told = trainability(plain, contract, rows)
    assert told.faults == ()
    known = sum(parameter.numel() for parameter in original.parameters())
    assert told.weights >= 0.96 * known
    module = GraphModule(plain, "input", "logits")
    answer = module(torch.from_numpy(rows))
    torch.testing.assert_close(answer, original(torch.from_numpy(rows)), atol=1e-4, rtol=1e-4)
    answer.square().sum().backward()
    reached = sum(
        int((weight.grad != 0).any()) * weight.numel() for weight in module.weights if weight.grad is not None
    )
    assert reached >= 0.96 * known


def test_rows_of_whole_numbers_come_as_floats_too() -> None:
    _, model, contract, rows = exported("encoder")
    module = GraphModule(normalise(model, rows, contract, 1), "input", "logits")
    given = torch.from_numpy(rows)
    torch.testing.assert_close(module(given), module(given.float()))


def test_settings_statistics_and_masks_are_no_weights() -> None:
    nodes = [
        helper.make_node("Add", ["input", "mask"], ["a"]),
        helper.make_node("Clip", ["a", "low"], ["c"]),
        helper.make_node("BatchNormalization", ["c", "scale", "bias", "mean", "variance"], ["n"]),
        helper.make_node("Resize", ["n", "", "scales"], ["r"], mode="nearest"),
        helper.make_node("Pow", ["r", "exponents"], ["p"]),
        helper.make_node("Mul", ["p", "factor"], ["m"]),
        helper.make_node("Flatten", ["m"], ["f"]),
        helper.make_node("MatMul", ["f", "head"], ["logits"]),
    ]
    weights = {
        "mask": np.array([0, -1e9] * 4, np.float32),
        "low": np.array(-3, np.float32),
        **{name: np.ones(1, np.float32) for name in ("scale", "bias", "mean", "variance")},
        "scales": np.ones(4, np.float32),
        "exponents": np.full(8, 2, np.float32),
        "factor": np.array([0.5], np.float32),
        "head": np.ones((64, 4), np.float32),
    }
    assert GraphModule(build(nodes, weights), "input", "logits").weight_names == ["head"]


def test_only_what_the_output_needs_is_run() -> None:
    model = network()
    model.graph.node.append(helper.make_node("MaxPool", ["r1"], ["p2", "places"], name="odd", kernel_shape=[2, 2]))
    model.graph.output.append(helper.make_tensor_value_info("places", TensorProto.INT64, None))
    module, rows = GraphModule(model, "input", "logits"), torch.from_numpy(images(3, 1)[0])
    assert module(rows).shape == (3, 4)
    with pytest.raises(ModelUnusable, match="cannot be trained"):
        module.tapped(rows, ["places"])


def test_any_tensor_can_be_tapped() -> None:
    module, rows = GraphModule(network(), "input", "logits"), torch.from_numpy(images(3, 1)[0])
    answer, taps = module.tapped(rows, ["r1", "input", "head", "logits"])
    assert {name: tuple(tensor.shape) for name, tensor in taps.items()} == {
        "r1": (3, 16, 8, 8), "input": (3, 1, 8, 8), "head": (256, 4), "logits": (3, 4),
    }  # fmt: skip
    assert taps["logits"] is answer
    with pytest.raises(ModelUnusable, match="no such tensors"):
        module.tapped(rows, ["nowhere"])


def test_several_outputs_of_a_node_are_used() -> None:
    nodes = [
        helper.make_node("Split", ["input"], ["upper", "lower"], axis=2),
        helper.make_node("Sub", ["upper", "lower"], ["d"]),
        helper.make_node("Flatten", ["d"], ["f"]),
        helper.make_node("MatMul", ["f", "head"], ["logits"]),
    ]
    head = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
    rows = images(4, 2)[0]
    answer = GraphModule(build(nodes, {"head": head}), "input", "logits")(torch.from_numpy(rows))
    expected = (rows[:, :, :4] - rows[:, :, 4:]).reshape(4, -1) @ head
    np.testing.assert_allclose(answer.detach().numpy(), expected, atol=1e-5)


def test_tensors_are_forgotten_after_their_last_use(monkeypatch: pytest.MonkeyPatch) -> None:
    module, most = GraphModule(network(), "input", "logits"), list[int]()
    run = module._run

    def counted(step: object, values: dict[str, torch.Tensor]) -> None:
        run(step, values)  # type: ignore[arg-type]
        most.append(len(values))

    monkeypatch.setattr(module, "_run", counted)
    module(torch.from_numpy(images(2, 1)[0]))
    assert max(most) <= 3


def test_all_that_stands_in_the_way_is_told_at_once() -> None:
    model = network()
    pool = next(node for node in model.graph.node if node.op_type == "AveragePool")
    model.graph.node.append(helper.make_node("MaxPool", ["r1"], ["p2", "places"], name="odd", kernel_shape=[2, 2]))
    model.graph.node.append(helper.make_node("Unique", ["p"], ["u"], name="unique"))
    model.graph.node.append(helper.make_node("Squeeze", ["p"], ["q"], name="bare"))
    assert pool.name == "pool"
    told = trainability(model, ModelContract.model_validate(CONTRACT), images(2, 1)[0])
    assert len(told.faults) == 3
    assert "Unique is not known" in told.faults[0]
    assert "odd" in told.faults[1]
    assert "bare" in told.faults[2]


def test_double_precision_and_back_keeps_the_types_of_the_graph() -> None:
    model = network()
    module = GraphModule(model, "input", "logits").double()
    assert module(torch.from_numpy(images(2, 1)[0]).double()).dtype == torch.float64
    written = module.write_back()
    for before, after in zip(model.graph.initializer, written.graph.initializer, strict=True):
        np.testing.assert_array_equal(numpy_helper.to_array(before), numpy_helper.to_array(after))


def test_unknown_operators_are_listed_together() -> None:
    nodes = [
        helper.make_node("Unique", ["input"], ["a"]),
        helper.make_node("Gru", ["a"], ["b"], domain="org.example"),
        helper.make_node("Relu", ["b"], ["logits"]),
    ]
    model = build(nodes, {})
    assert unsupported_operators(model) == ["Unique", "org.example::Gru"]
    with pytest.raises(ModelUnusable, match="does not know all") as caught:
        GraphModule(model, "input", "logits")
    assert caught.value.faults == ("operator Unique", "operator org.example::Gru")
