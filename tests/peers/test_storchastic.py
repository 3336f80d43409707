"""Storchastic: means over data undone, two families, and a torch that is afterwards as it was."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch.distributions import Distribution

# To import it here would change torch for all tests: the peer does so only while it works.
pytestmark = pytest.mark.skipif(importlib.util.find_spec("storch") is None, reason="no module storch: make peers")


def test_expectation_is_exact_for_one_variable(build, assert_exact):
    problem = build("problem", "categorical", values=4).at("cpu", "float64")
    found = build("estimator", "storch_expect").estimate(problem, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, problem.truth)
    with pytest.raises(Exception, match="one variable, one datum"):
        assert_exact("storch_expect")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("storch_score_function", {}),
        ("storch_score_function", {"n_samples": 3, "baseline": "batch_average"}),
        ("storch_rebar", {}),
        ("storch_relax", {}),
        ("storch_unordered_set", {}),
    ],
)
def test_it_is_right_for_several_latents_and_data(name, parameters, assert_right):
    assert_right(name, **parameters)


def test_arm_is_right_for_coins(assert_right):
    assert_right("storch_arm", values=2)


def test_torch_is_as_it_was_after_a_call(build, one_gradient):
    before = torch.Tensor.to, torch.Tensor.le, torch.Tensor.gt, torch.is_tensor, Distribution._validate_args
    estimator = build("estimator", "storch_score_function")
    one_gradient(estimator)
    assert (torch.Tensor.to, torch.Tensor.le, torch.Tensor.gt, torch.is_tensor, Distribution._validate_args) == before
