"""Every operator of the graph engine against ONNX Runtime, and its gradients against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import operator_cases_layers
import operator_cases_pointwise
import operator_cases_structure
from ratchet_runners.engine.operators import OPERATORS
from support_operators import NEWEST, OLDEST, Case, answered, definitions, expected, slope_positions, tensors

CASES = [*operator_cases_pointwise.CASES, *operator_cases_structure.CASES, *operator_cases_layers.CASES]
RUNS = [(case, opset) for case in CASES for opset in definitions(case.name) if case.first <= opset <= case.last]


@pytest.mark.parametrize(("case", "opset"), RUNS, ids=[f"{case}-{opset}" for case, opset in RUNS])
def test_operator_answers_like_onnx_runtime(case: Case, opset: int) -> None:
    theirs = expected(case, opset)
    with torch.no_grad():
        ours = [value.numpy() for value in answered(case, opset, tensors(case))]
    assert len(ours) >= len(theirs)
    for mine, right in zip(ours, theirs, strict=False):
        assert mine.dtype == right.dtype
        assert mine.shape == right.shape
        if right.dtype.kind == "f":
            np.testing.assert_allclose(mine, right, rtol=case.tolerance, atol=case.tolerance / 10)
        else:
            np.testing.assert_array_equal(mine, right)


SLOPES = [case for case in CASES if case.smooth and slope_positions(case)]


@pytest.mark.parametrize("case", SLOPES, ids=str)
def test_gradients_are_the_slopes(case: Case) -> None:
    """With respect to every input that training may reach, in double precision."""
    opset = max(version for version in definitions(case.name) if case.first <= version <= case.last)
    inputs = [value.double() if value is not None and value.is_floating_point() else value for value in tensors(case)]
    places = slope_positions(case)

    def function(*varied: torch.Tensor) -> tuple[torch.Tensor, ...]:
        whole = list(inputs)
        for place, value in zip(places, varied, strict=True):
            whole[place] = value
        return tuple(value for value in answered(case, opset, whole) if value.requires_grad)

    varied = tuple(value.clone().requires_grad_() for place in places if (value := inputs[place]) is not None)
    if function(*varied):
        assert torch.autograd.gradcheck(function, varied, fast_mode=True)


def test_every_operator_has_a_case_in_every_definition_since_the_oldest() -> None:
    tested: dict[str, set[int]] = {}
    for case, opset in RUNS:
        tested.setdefault(case.name, set()).add(opset)
    assert set(tested) == set(OPERATORS)
    assert {
        name: set(definitions(name)) - found for name, found in tested.items() if set(definitions(name)) - found
    } == {}


def test_at_least_ninety_operators_of_the_standard_are_known() -> None:
    assert len([name for name in OPERATORS if "::" not in name]) >= 90


def test_operator_sets_reach_from_eleven_to_the_newest_that_is_served() -> None:
    assert {OLDEST, NEWEST} <= {opset for _, opset in RUNS}
