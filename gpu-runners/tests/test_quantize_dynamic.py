"""Dynamic products, FP16 and row-wise tables."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.model.lifting import lifted
from ratchet_runners.model.scoring import serialise
from ratchet_runners.quantize.dynamic.config import QuantizeDynamic
from ratchet_runners.quantize.embeddings.config import QuantizeEmbeddings
from ratchet_runners.quantize.embeddings.rewrite import NIBBLES_OPSET, quantize_tables, tables_of
from ratchet_runners.quantize.half.config import QuantizeHalf
from ratchet_runners.quantize.static.channels import rounded
from ratchet_runners.quantize.static.config import QuantizeStatic
from support import build
from support_post_training import constants, encoder_case, image_case, moved, operators, recurrent_case, take


def test_every_product_with_a_constant_becomes_an_integer_one() -> None:
    model, bench = encoder_case()
    result = take(QuantizeDynamic(), model, bench)
    assert operators(result.model).count("MatMulInteger") == result.figures["quantizedNodes"] == 7
    assert moved(model, result.model, bench) < 0.05


def test_convolutions_are_never_dynamic() -> None:
    model, bench = image_case()
    result = take(QuantizeDynamic(), model, bench)
    assert "ConvInteger" not in operators(result.model)
    assert operators(result.model).count("Conv") == 2
    assert result.figures["quantizedNodes"] == 1
    assert any("2 convolutions" in note for note in result.notes)
    assert moved(model, result.model, bench) < 0.05


def test_a_convolutional_model_without_products_is_refused() -> None:
    nodes = [
        helper.make_node("Conv", ["input", "w"], ["c"], name="conv"),
        helper.make_node("GlobalAveragePool", ["c"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["logits"], name="flatten"),
    ]
    _, bench = image_case()
    (reason,) = take(QuantizeDynamic(), build(nodes, {"w": np.ones((4, 1, 3, 3), np.float32)}), bench).refusals
    assert "convolutions" in reason


def test_an_lstm_is_dynamic_and_a_gru_is_stored() -> None:
    model, bench = recurrent_case("LSTM")
    lstm = take(QuantizeDynamic(), model, bench).model
    assert "DynamicQuantizeLSTM" in operators(lstm)
    assert moved(model, lstm, bench) < 0.05
    model, bench = recurrent_case("GRU")
    gru = take(QuantizeDynamic(), model, bench)
    assert gru.figures["storedWeights"] == 2
    assert "GRU" in operators(gru.model)


def test_pinned_products_stay_float() -> None:
    model, bench = encoder_case()
    result = take(QuantizeDynamic(pins=("attention", "last"), rest="float"), model, bench)
    assert {"q", "k", "v", "o", "head"} <= set(constants(result.model, TensorProto.FLOAT))
    assert operators(result.model).count("MatMulInteger") == 2


def test_tables_row_by_row_lose_less_than_with_one_scale() -> None:
    """Rows of very different magnitude: one scale for all would round the small ones away."""
    model, bench = encoder_case()
    result = take(QuantizeEmbeddings(), model, bench)
    assert result.figures["tables"] == 1
    assert 0 < (result.figures["tablesShareOfBytes"] or 0) < 1
    assert len(serialise(result.model)) < len(serialise(model)) - 15_000
    whole = copy_of(model)
    graph = Graph(whole)
    table = graph.constant("table")
    scale = np.abs(table).max() / 127
    graph.set_constant("table", np.rint(table / scale) * scale)
    assert 2 * moved(model, result.model, bench) < moved(model, graph.model, bench)


def test_two_numbers_of_four_bits_share_a_byte() -> None:
    model, bench = encoder_case()
    result = take(QuantizeEmbeddings(bits=4), model, bench)
    onnx.checker.check_model(result.model)
    table = Graph(copy_of(model)).constant("table")
    held = Graph(copy_of(result.model)).constant("table_rows")
    assert (held.dtype, held.nbytes) == (np.uint8, table.size // 2)
    graph = Graph(copy_of(model))
    graph.set_constant("table", rounded(table, 0, 4, "mean-squared-error"))
    assert moved(graph.model, result.model, bench) < 1e-5  # what is looked up is what rounding gives, number by number


def test_columns_that_cannot_be_paired_keep_eight_bits() -> None:
    model, bench = encoder_case()
    graph = Graph(copy_of(model))
    table = graph.constant("table")
    graph.set_constant("table", np.pad(table, ((0, 0), (0, 1)), constant_values=0.01))
    (look_up,) = (node for node in graph.nodes.values() if node.op_type == "Gather" and node.input[0] == "table")
    graph.set_constant("columns", np.arange(table.shape[1]))
    given = look_up.output[0]
    look_up.output[0] = "wide"
    graph.insert([helper.make_node("Gather", ["wide", "columns"], [given], name="narrow", axis=2)])
    graph.sort()
    result = take(QuantizeEmbeddings(bits=4), graph.model, bench)
    assert any("odd number of columns" in note for note in result.notes)
    assert Graph(copy_of(result.model)).constant("table_rows").dtype == np.int8
    assert moved(model, result.model, bench) < 0.02


def test_tables_can_follow_other_steps() -> None:
    model, bench = encoder_case()
    small = len(serialise(model))
    for first in (QuantizeStatic(), QuantizeDynamic(), QuantizeHalf(scope="full")):
        before = take(first, model, bench).model
        if first.technique == "quantize-half":
            continue  # its tables are halves, and this step is for those in FP32
        for bits in (8, 4):
            after = take(QuantizeEmbeddings.model_validate({"bits": bits}), before, bench).model
            assert len(serialise(after)) < len(serialise(before)) < small
            assert moved(model, after, bench) < (0.2 if bits == 8 else 0.4)


def test_a_table_that_is_multiplied_too_or_small_stays() -> None:
    model, bench = encoder_case()
    tied = copy_of(model)
    tied.graph.node.append(helper.make_node("Identity", ["table"], ["unused"], name="other_use"))
    assert tables_of(Graph(tied), 1) == []
    assert tables_of(Graph(model), 10_000) == []
    refused = take(QuantizeEmbeddings(minimum_numbers=10_000), model, bench)
    assert refused.refusals
    assert refused.model is model


def test_two_look_ups_in_one_table() -> None:
    model, bench = encoder_case()
    twice = copy_of(model)
    (residual,) = (node for node in twice.graph.node if node.name == "residual")
    twice.graph.node.insert(0, helper.make_node("Gather", ["table", "ids"], ["x2"], name="again"))
    residual.input[0] = "x2"
    for bits, most in ((8, 0.02), (4, 0.4)):
        graph = Graph(lifted(copy_of(twice), NIBBLES_OPSET))
        quantize_tables(graph, tables_of(graph, 1), 8 if bits == 8 else 4)
        onnx.checker.check_model(graph.model)
        assert "table" not in graph.constant_names
        assert moved(twice, graph.model, bench) < most


@pytest.mark.parametrize("scope", ["weights", "full"])
def test_half_keeps_the_contract_and_says_that_a_cpu_gains_nothing(scope: str) -> None:
    for model, bench in (image_case(), encoder_case(), recurrent_case("GRU")):
        result = take(QuantizeHalf.model_validate({"scope": scope}), model, bench)
        assert result.figures["sizeRatio"] < 0.75
        assert any("no speed" in note for note in result.notes)
        assert moved(model, result.model, bench) < 0.01
        given, taken = (result.model.graph.output[0], result.model.graph.input[0])
        assert given.type.tensor_type.elem_type == TensorProto.FLOAT
        assert taken.type.tensor_type.elem_type == model.graph.input[0].type.tensor_type.elem_type


def test_operators_can_be_kept_out_of_half() -> None:
    model, bench = encoder_case()
    made = take(QuantizeHalf(scope="full", keep=("Softmax",)), model, bench).model
    (softmax,) = (node for node in made.graph.node if node.op_type == "Softmax")
    (before,) = (node for node in made.graph.node if softmax.input[0] in node.output)
    assert before.op_type == "Cast"
    assert moved(model, made, bench) < 0.01


def test_weights_beyond_sixteen_bits_stay_and_overflow_is_refused() -> None:
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"], name="flatten"),
        helper.make_node("MatMul", ["flat", "huge"], ["wide"], name="product"),
        helper.make_node("MatMul", ["wide", "w"], ["logits"], name="back"),
    ]
    weights = {"huge": np.full((64, 64), 1e5, np.float32), "w": np.full((64, 4), 1e-5, np.float32)}
    _, bench = image_case()
    model = build(nodes, weights)
    kept = take(QuantizeHalf(), model, bench)
    assert "huge" in constants(kept.model, TensorProto.FLOAT)
    assert any("huge stays" in note for note in kept.notes)
    (reason,) = take(QuantizeHalf(scope="full"), model, bench).refusals
    assert "65504" in reason
