"""Whatever exporters write comes into one form, answers the same, or is refused with a reason."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ratchet_runners.documents.job import ModelContract
from ratchet_runners.faults import ModelUnusable
from ratchet_runners.model.graph import copy_of, opset_of
from ratchet_runners.model.load import safety_faults
from ratchet_runners.model.normalise import normalise
from ratchet_runners.model.scoring import score
from support import CONTRACT, build, images, network

KNOWN = ModelContract.model_validate(CONTRACT)
ROWS = images(12, 3)[0]


def plain(model: onnx.ModelProto, **settings: object) -> onnx.ModelProto:
    return normalise(model, ROWS, KNOWN, 1, **settings)  # type: ignore[arg-type]


def with_constant_nodes(model: onnx.ModelProto, through: str = "") -> onnx.ModelProto:
    """All weights in Constant nodes, behind Identity or as FP16 behind a Cast."""
    made = copy_of(model)
    extra: list[onnx.NodeProto] = []
    for tensor in made.graph.initializer:
        array = numpy_helper.to_array(tensor)
        raw = f"{tensor.name}_raw" if through else tensor.name
        value = numpy_helper.from_array(array.astype(np.float16) if through == "Cast" else array)
        extra.append(helper.make_node("Constant", [], [raw], value=value))
        if through == "Identity":
            extra.append(helper.make_node("Identity", [raw], [tensor.name]))
        if through == "Cast":
            extra.append(helper.make_node("Cast", [raw], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*extra, *made.graph.node]
    del made.graph.initializer[:], made.graph.node[:]
    made.graph.node.extend(nodes)
    return made


def in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """FP16 inside, FP32 at both ends."""
    made = copy_of(model)
    for tensor in made.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    first, last = made.graph.node[0], made.graph.node[-1]
    first.input[0], last.output[0] = "input_half", "logits_half"
    nodes = [
        helper.make_node("Cast", ["input"], ["input_half"], to=TensorProto.FLOAT16),
        *made.graph.node,
        helper.make_node("Cast", ["logits_half"], ["logits"], to=TensorProto.FLOAT),
    ]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    return made


def with_inputs_for_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    made = copy_of(model)
    made.graph.input.extend(
        helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims) for tensor in made.graph.initializer
    )
    return made


def with_double_names(model: onnx.ModelProto) -> onnx.ModelProto:
    made = copy_of(model)
    for position, node in enumerate(made.graph.node):
        node.name = "" if position % 3 == 0 else "Conv_0"
    return made


def with_stale_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    made = copy_of(model)
    made.graph.value_info.append(helper.make_tensor_value_info("flat", TensorProto.FLOAT, [7, 7, 7]))
    made.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    made.opset_import.append(helper.make_opsetid("org.example.unused", 3))
    return made


def with_constant_choice(model: onnx.ModelProto) -> onnx.ModelProto:
    """An `If` whose condition never changes."""
    made = copy_of(model)
    made.graph.node[-1].output[0] = "scores"
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node(kind, ["scores"], [name])], name, [], [onnx.ValueInfoProto(name=name)]
        )
        for name, kind in (("then", "Identity"), ("else", "Relu"))
    }
    made.graph.initializer.append(numpy_helper.from_array(np.array(True), "always"))
    made.graph.node.append(helper.make_node("If", ["always"], ["logits"], **branches))
    return made


def with_choice(model: onnx.ModelProto) -> onnx.ModelProto:
    """An `If` that depends on the row."""
    made = with_constant_choice(model)
    made.graph.node.insert(0, helper.make_node("ReduceMax", ["input"], ["highest"], keepdims=0))
    made.graph.node.insert(1, helper.make_node("Greater", ["highest", "nought"], ["bright"]))
    made.graph.initializer.append(numpy_helper.from_array(np.array(0.5, np.float32), "nought"))
    made.graph.node[-1].input[0] = "bright"
    made.graph.node[-1].name = "choose"
    return made


def with_choice_by_shape(model: onnx.ModelProto) -> onnx.ModelProto:
    """An `If` that asks how high the rows are, as exporters write it for a squeeze."""
    made = with_constant_choice(model)
    made.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    made.graph.node.insert(0, helper.make_node("Shape", ["input"], ["sizes"]))
    made.graph.node.insert(1, helper.make_node("Gather", ["sizes", "two"], ["height"]))
    made.graph.node.insert(2, helper.make_node("Equal", ["height", "eight"], ["fits"]))
    made.graph.initializer.extend(
        numpy_helper.from_array(np.array(value, np.int64), name) for name, value in (("two", 2), ("eight", 8))
    )
    made.graph.node[-1].input[0] = "fits"
    return made


@pytest.mark.parametrize(
    "spoil",
    [
        with_constant_nodes,
        lambda model: with_constant_nodes(model, "Identity"),
        lambda model: with_constant_nodes(model, "Cast"),
        in_half,
        with_inputs_for_weights,
        with_double_names,
        with_stale_shapes,
        with_constant_choice,
        with_choice_by_shape,
    ],
    ids=["constants", "identity", "half-cast", "half", "inputs", "names", "stale", "if", "if-shape"],
)
def test_awkward_forms_become_plain_and_answer_the_same(spoil: Callable[[onnx.ModelProto], onnx.ModelProto]) -> None:
    made = plain(spoil(network()))
    weights = {tensor.name: tensor.data_type for tensor in made.graph.initializer}
    assert {
        kind: sum(node.op_type == kind and node.input[1] in weights for node in made.graph.node)
        for kind in ("Conv", "Gemm")
    } == {"Conv": 2, "Gemm": 1}
    assert TensorProto.FLOAT16 not in weights.values()
    assert not {"Constant", "Identity", "Cast", "If"} & {node.op_type for node in made.graph.node}
    assert len(made.graph.node) == len(network().graph.node)
    assert [value.name for value in made.graph.input] == ["input"]
    assert not made.graph.value_info
    assert {entry.domain for entry in made.opset_import} == {""}
    names = [node.name for node in made.graph.node]
    assert all(names)
    assert len(set(names)) == len(names)
    onnx.checker.check_model(made)
    before, after = score(network(), ROWS, KNOWN, 1), score(made, ROWS, KNOWN, 1)
    assert np.abs(before - after).max() <= 0.03 * np.abs(before).max()


def test_normalising_twice_changes_nothing() -> None:
    once = plain(network())
    assert plain(once) == once


def test_the_original_is_left_alone() -> None:
    model = with_inputs_for_weights(network())
    kept = copy_of(model)
    plain(model)
    assert model == kept


def test_names_that_are_there_stay() -> None:
    assert {"conv1", "conv2", "head_gemm"} <= {node.name for node in plain(network()).graph.node}


def test_a_choice_by_the_data_is_refused_by_name() -> None:
    with pytest.raises(ModelUnusable, match="decides while it runs") as caught:
        plain(with_choice(network()))
    assert "choose" in caught.value.faults[0]
    assert "export" in caught.value.faults[0]


def test_a_choice_by_the_size_of_the_batch_is_refused() -> None:
    model = with_choice_by_shape(network())
    next(tensor for tensor in model.graph.initializer if tensor.name == "two").CopyFrom(
        numpy_helper.from_array(np.array(0, np.int64), "two")
    )
    next(tensor for tensor in model.graph.initializer if tensor.name == "eight").CopyFrom(
        numpy_helper.from_array(np.array(1, np.int64), "eight")
    )
    with pytest.raises(ModelUnusable, match="decides while it runs"):
        plain(model)


def quantized_network() -> onnx.ModelProto:
    model = network()
    model.graph.node[0].input[0] = "whole"
    scales = {"scale": np.array(0.05, np.float32), "zero": np.array(128, np.uint8)}
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in scales.items())
    pair = [
        helper.make_node("QuantizeLinear", ["input", "scale", "zero"], ["small"]),
        helper.make_node("DequantizeLinear", ["small", "scale", "zero"], ["whole"]),
    ]
    nodes = [*pair, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def test_a_quantized_model_is_refused_with_what_shows_it() -> None:
    with pytest.raises(ModelUnusable, match="already quantized") as caught:
        plain(quantized_network())
    assert caught.value.faults == ("it contains DequantizeLinear", "it contains QuantizeLinear")


def test_a_quantized_model_keeps_its_pairs_where_they_are_welcome() -> None:
    made = plain(with_constant_nodes(quantized_network()), quantized=True)
    kinds = [node.op_type for node in made.graph.node]
    assert kinds.count("QuantizeLinear") == kinds.count("DequantizeLinear") == 1
    assert "Constant" not in kinds


@pytest.mark.parametrize("opset", [9, 11, 12, 13, 17, 20])
def test_older_operator_sets_are_lifted_as_far_as_asked(opset: int) -> None:
    model = network()
    model.opset_import[0].version = opset
    assert opset_of(plain(model)) == max(13, opset)
    made = plain(model, opset=21)
    assert opset_of(made) == 21
    assert made.ir_version >= 10


def test_reductions_and_splits_survive_the_lift() -> None:
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["m"], axes=[1, 3], keepdims=0),
        helper.make_node("Split", ["m"], ["a", "b"], axis=1),
        helper.make_node("Concat", ["b", "a"], ["c"], axis=1),
        helper.make_node("Softmax", ["c"], ["s"], axis=1),
        helper.make_node("MatMul", ["s", "head"], ["logits"]),
    ]
    head = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    for opset in (11, 17):
        assert opset_of(plain(build(nodes, {"head": head}, opset), opset=21)) == 21


def test_an_answer_that_is_not_finite_is_refused() -> None:
    model = network()
    head = next(tensor for tensor in model.graph.initializer if tensor.name == "head_bias")
    head.CopyFrom(numpy_helper.from_array(np.full(4, np.inf, np.float32), "head_bias"))
    with pytest.raises(ModelUnusable, match="not finite"):
        plain(model)


def test_a_model_that_onnx_runtime_does_not_load_is_refused() -> None:
    model = network()
    model.graph.node[0].attribute[0].ints[:] = [1, 1]
    with pytest.raises(ModelUnusable, match="does not load"):
        plain(model)


def test_weights_in_another_file_are_refused_with_what_to_do() -> None:
    model = network()
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.data")
    (fault,) = safety_faults(model)
    assert "save as one file" in fault


def test_a_free_height_stays_free() -> None:
    nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Flatten", ["p"], ["logits"]),
    ]
    model = build(nodes, {"kernel": np.ones((4, 1, 3, 3), np.float32)})
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    made = plain(model)
    assert made.graph.input[0].type.tensor_type.shape.dim[2].dim_param == "height"
    taller = np.concatenate([ROWS, ROWS], axis=2)
    assert score(made, taller, KNOWN, 1).shape == (12, 4)
