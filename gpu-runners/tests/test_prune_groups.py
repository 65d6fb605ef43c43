"""What must leave a graph together, for random architectures: taking out silent units changes no answer."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from ratchet_runners.prune import costs
from ratchet_runners.prune.groups import analyse, describe_groups
from ratchet_runners.prune.surgery import Removal, gone_atoms, remove
from support_prune import Net, answers, conv_net, recurrent, silenced, some_units, transformer

RANDOM = np.random.default_rng(11)
IMAGES = RANDOM.normal(size=(5, 1, 8, 8)).astype(np.float32)
SERIES = RANDOM.normal(size=(5, 6, 16)).astype(np.float32)
CASES = [
    *((conv_net, seed, IMAGES) for seed in range(27)),
    *((transformer, seed, SERIES) for seed in range(6)),
    *((recurrent, seed, SERIES) for seed in range(4)),
]


@pytest.mark.parametrize(("build", "seed", "rows"), CASES)
def test_silent_units_leave_without_a_trace(build, seed: int, rows: np.ndarray) -> None:
    model = build(seed)
    structure = analyse(model)
    removal = some_units(structure, seed)
    assert removal
    silent = silenced(structure, removal)
    pruned = remove(silent, removal)
    onnx.checker.check_model(pruned, full_check=True)
    np.testing.assert_allclose(answers(pruned, rows), answers(silent, rows), atol=1e-4)
    np.testing.assert_allclose(answers(structure.model, rows), answers(model, rows), atol=1e-5)
    assert pruned.ByteSize() < model.ByteSize()
    for kind in ("input", "output"):
        assert list(getattr(pruned.graph, kind)) == list(getattr(model.graph, kind))


@pytest.mark.parametrize(("build", "seed"), [(conv_net, 3), (conv_net, 6), (transformer, 1), (recurrent, 1)])
def test_costs_are_those_of_the_graph_that_is_made(build, seed: int) -> None:
    structure = analyse(build(seed))
    removal = some_units(structure, seed)
    gone = gone_atoms(structure, removal)
    made = analyse(remove(structure.model, removal, structure))
    nothing = gone_atoms(made, Removal())
    assert costs.macs(made, nothing) == pytest.approx(costs.macs(structure, gone))
    assert costs.weights(made, nothing) == costs.weights(structure, gone)
    assert costs.size_bytes(structure, gone) == pytest.approx(made.model.ByteSize(), rel=0.02)


def kinds_of(model: onnx.ModelProto) -> list[tuple[str, int, int]]:
    return [(group.kind, group.size, group.width) for group in analyse(model).free]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_heads_leave_whole_whether_projections_are_fused_or_apart(seed: int) -> None:
    heads = [(size, width) for kind, size, width in kinds_of(transformer(seed)) if kind == "heads"]
    assert heads
    assert all(pair == ((3, 24) if seed % 3 == 0 else (3, 8)) for pair in heads)


def test_what_a_normalisation_goes_over_stays_and_says_why() -> None:
    described = {entry["group"]: entry for entry in describe_groups(transformer(1))}
    stream = next(entry for entry in described.values() if not entry["prunable"] and entry["units"] == 24)
    assert "LayerNormalization" in stream["reason"]
    assert len(stream["layers"]) > 2


def test_an_unknown_operator_keeps_what_it_touches_and_nothing_else() -> None:
    net = Net(1)
    one = net.add("Relu", net.conv("input", 1, 16))
    free = net.add("Relu", net.conv(one, 16, 24))
    odd = net.add("LRN", net.conv(free, 24, 16), size=3)
    flat = net.add("Flatten", net.add("GlobalAveragePool", odd))
    model = net.model(net.add("Gemm", flat, net.weight(16, 4)), ["batch", 1, 8, 8])
    described = describe_groups(model)
    assert [(entry["units"], entry["prunable"]) for entry in described] == [
        (16, True),
        (24, True),
        (16, False),
        (4, False),
    ]
    assert "LRN" in described[2]["reason"]
    assert "output of the model" in described[3]["reason"]


def test_layers_that_share_equal_biases_are_pruned_apart() -> None:
    net = Net(2)
    bias = net.weight(16)
    one = net.add("Relu", net.add("Conv", "input", net.weight(16, 1, 3, 3), bias, pads=[1] * 4))
    two = net.add("Relu", net.add("Conv", one, net.weight(16, 16, 3, 3), bias, pads=[1] * 4))
    flat = net.add("Flatten", net.add("GlobalAveragePool", two))
    model = net.model(net.add("Gemm", flat, net.weight(16, 4)), ["batch", 1, 8, 8])
    structure = analyse(model)
    assert [group.size for group in structure.free] == [16, 16]
    pruned = remove(model, Removal({structure.free[0].name: (0, 5)}))
    assert answers(pruned, IMAGES).shape == (5, 4)


def test_a_shared_matrix_ties_its_layers() -> None:
    net = Net(3)
    shared = net.weight(16, 16, 3, 3)
    data = net.add("Relu", net.conv("input", 1, 16))
    for _ in range(2):
        data = net.add("Relu", net.add("Conv", data, shared, pads=[1] * 4))
    flat = net.add("Flatten", net.add("GlobalAveragePool", data))
    structure = analyse(net.model(net.add("Gemm", flat, net.weight(16, 4)), ["batch", 1, 8, 8]))
    (group,) = structure.free
    assert len(group.layers) == 3
    assert sum(part.constant == shared for part in group.slices) == 2


def test_the_width_of_an_embedding_goes_but_none_of_its_rows() -> None:
    net = Net(4)
    table = net.weight(50, 24)
    mean = net.add("ReduceMean", net.add("Gather", table, "input"), axes=[1], keepdims=0)
    model = net.model(net.linear(mean, 24, 4), ["batch", "words"], tokens=True)
    structure = analyse(model)
    (group,) = structure.free
    assert [(part.constant, part.axis) for part in group.slices if part.role == "makes"] == [(table, 1)]
    pruned = remove(model, Removal({group.name: (1, 2, 3)}))
    assert answers(pruned, np.arange(12).reshape(3, 4)).shape == (3, 4)
    assert next(list(tensor.dims) for tensor in pruned.graph.initializer if tensor.name == table) == [50, 21]


def test_groups_do_not_depend_on_weights() -> None:
    structure = analyse(conv_net(4))
    changed = silenced(structure, some_units(structure, 4))
    assert [group.name for group in analyse(changed).groups] == [group.name for group in structure.groups]


def test_a_layer_never_loses_everything() -> None:
    structure = analyse(conv_net(0))
    group = structure.free[0]
    with pytest.raises(ValueError, match="Nothing would be left"):
        remove(structure.model, Removal({group.name: tuple(range(group.size))}), structure)
    with pytest.raises(KeyError):
        remove(structure.model, Removal({"no such group": (0,)}), structure)
