"""Which units go: rankings, limits, widths that kernels like; and the repair after they have gone."""

from __future__ import annotations

import numpy as np
import pytest

from ratchet_runners.documents.job import ModelContract
from ratchet_runners.model.graph import Graph, copy_of
from ratchet_runners.prune.choose import Limits, choose, planned
from ratchet_runners.prune.groups import Group, analyse
from ratchet_runners.prune.importance import activation, magnitude
from ratchet_runners.prune.moments import match_moments
from ratchet_runners.prune.surgery import Removal, remove
from ratchet_runners.prune.taylor import taylor
from support import CONTRACT, images, network
from support_prune import answers, some_units

ROWS = images(200, 8)[0]
SHAPES = ModelContract.model_validate(CONTRACT)
RANDOM = np.random.default_rng(4)


def group(name: str, size: int, kind: str = "channels", width: int = 1) -> Group:
    return Group(name, kind, (name,), size, width, ())


def scores_of(*groups: Group) -> dict[str, np.ndarray]:
    return {each.name: RANDOM.uniform(0.1, 1, each.size) for each in groups}


@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("ranked", [True, False])
def test_widths_are_what_kernels_like_and_within_limits(ratio: float, ranked: bool) -> None:
    groups = [group("a", 64), group("b", 36), group("c", 8, "heads", 16), group("d", 100, "features"), group("e", 16)]
    limits = Limits(block=16, feature_block=8, minimum_width=8, largest_ratio=0.75, ranked=ranked)
    widths = planned(groups, scores_of(*groups), ratio, limits)
    assert all(widths[name] % 16 == 0 for name in ("a", "b") if name in widths)
    assert widths.get("d", 96) % 8 == 0
    assert "e" not in widths
    for each in groups:
        assert each.size * 0.25 <= widths.get(each.name, each.size) <= each.size
    assert widths.get("c", 8) >= 2


def test_a_scale_of_scores_that_differs_between_layers_does_not_decide() -> None:
    one, other = group("a", 64), group("b", 64)
    scores = {"a": np.linspace(1, 2, 64), "b": 1000 * np.linspace(1, 2, 64)}
    widths = planned([one, other], scores, 0.5, Limits(block=1))
    assert abs(widths["a"] - widths["b"]) <= 1


def test_the_least_important_go_and_of_equals_the_later() -> None:
    scores = {"a": np.array([3.0, 0.0, 1.0, 0.0, 5.0, 0.0, 2.0, 4.0])}
    removal = choose([group("a", 8)], scores, 0.25, Limits(block=1, minimum_width=1))
    assert removal.units == {"a": (3, 5)}


def test_skipped_layers_and_kinds_out_of_scope_keep_their_width() -> None:
    groups = [group("a", 64), group("b", 64), group("c", 8, "heads", 8)]
    limits = Limits(skip=frozenset({"a"}), kinds=frozenset({"channels"}))
    assert set(planned(groups, scores_of(*groups), 0.5, limits)) == {"b"}


@pytest.mark.parametrize("by", ["magnitude", "activation", "taylor"])
def test_units_that_do_nothing_come_last(by: str) -> None:
    structure = analyse(network())
    (only,) = structure.free
    graph = Graph(copy_of(structure.model))
    for part in only.slices:
        value = graph.constant(part.constant)
        np.moveaxis(value, part.axis, 0)[part.positions[[2, 7]].ravel()] = 0
        graph.set_constant(part.constant, value)
    silent = analyse(graph.model)
    scores = {
        "magnitude": lambda: magnitude(silent),
        "activation": lambda: activation(silent, ROWS, SHAPES, 1),
        "taylor": lambda: taylor(silent, ROWS[:64], answers(silent.model, ROWS[:64]), SHAPES, 1),
    }[by]()[only.name]
    assert set(np.argsort(scores)[:2].tolist()) == {2, 7}
    assert (np.delete(scores, [2, 7]) > 1e-6).all()


def test_derivatives_tell_what_the_loss_would_lose() -> None:
    """Units by the loss that taking each one out really costs: the derivative must rank much like it."""
    model = network()
    structure = analyse(model)
    (only,) = structure.free
    full = answers(model, ROWS)
    real = []
    for unit in range(only.size):
        left = answers(remove(structure.model, Removal({only.name: (unit,)}), structure), ROWS)
        real.append(_divergence(full, left))
    found = taylor(structure, ROWS, full, SHAPES, 1)[only.name]
    ranks = [np.argsort(np.argsort(values)) for values in (found, real)]
    assert np.corrcoef(*ranks)[0, 1] > 0.6


def _divergence(full: np.ndarray, left: np.ndarray) -> float:
    log = [value - np.log(np.exp(value).sum(axis=1, keepdims=True)) for value in (full, left)]
    return float((np.exp(log[0]) * (log[0] - log[1])).sum(axis=1).mean())


def test_repair_gives_layers_their_moments_back() -> None:
    structure = analyse(network())
    removal = some_units(structure, 2)
    pruned = remove(structure.model, removal, structure)
    repair = match_moments(pruned, structure, removal, ROWS, SHAPES, 1)
    assert repair.matched == repair.layers == 3
    before, damaged, repaired = (answers(each, ROWS) for each in (structure.model, pruned, repair.model))
    np.testing.assert_allclose(repaired.mean(axis=0), before.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(repaired.std(axis=0), before.std(axis=0), rtol=0.02)
    assert np.abs(repaired - before).mean() < 0.8 * np.abs(damaged - before).mean()


def test_repair_of_what_was_not_pruned_changes_nothing() -> None:
    structure = analyse(network())
    repair = match_moments(structure.model, structure, Removal(), ROWS, SHAPES, 1)
    np.testing.assert_allclose(answers(repair.model, ROWS), answers(structure.model, ROWS), atol=1e-4)


def test_repair_without_time_leaves_the_rest_alone() -> None:
    structure = analyse(network())
    removal = some_units(structure, 2)
    pruned = remove(structure.model, removal, structure)
    repair = match_moments(pruned, structure, removal, ROWS, SHAPES, 1, seconds=-1.0)
    assert repair.matched == 0
    np.testing.assert_allclose(answers(repair.model, ROWS), answers(pruned, ROWS), atol=1e-6)
