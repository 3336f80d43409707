"""PyTorch's own gradients: signs, sums over data and latents, and the bias of relaxed samples as a number."""

from __future__ import annotations

import pytest
import torch

from estibench.testing import assert_unbiased
from estibench_peers.coin import relaxed_bias


def test_the_score_function_is_right_for_several_latents_and_data(assert_right):
    assert_right("torch_score_function", samples=3)


def test_straight_through_is_right_for_a_multilinear_objective(assert_right):
    assert_right("torch_straight_through", degree=1, samples=3)


@pytest.mark.parametrize("t", [0.45, 0.0])
def test_the_bias_of_a_relaxed_fair_coin_is_known(build, t):
    """At τ = 1 and p = ½ the relaxed coin y is uniform: E 2 (y − t) y (1 − y) = (1 − 2t)/6, the truth is (1 − 2t)/4."""
    problem = build("problem", "bernoulli_quadratic", target=t, p=0.5).at("cpu", "float64")
    expected = torch.tensor([[[1.0, -1.0]]], dtype=torch.float64) * (1 - 2 * t) / 12
    torch.testing.assert_close(relaxed_bias(problem, 1.0, hard=False), expected, rtol=0, atol=1e-9)


def test_relaxed_samples_lose_their_bias_as_they_cool(build):
    problem = build("problem", "bernoulli_quadratic", p=0.8).at("cpu", "float64")
    biases = [float(relaxed_bias(problem, tau, hard=False).norm()) for tau in (1.0, 0.1, 0.01)]
    assert biases[0] > 2 * biases[1] > 4 * biases[2]


@pytest.mark.parametrize(
    ("name", "parameters", "tau", "hard"),
    [
        ("torch_gumbel_softmax", {"tau": 0.5}, 0.5, False),
        ("torch_gumbel_softmax", {"tau": 0.5, "hard": True}, 0.5, True),
        ("torch_relaxed_categorical", {"temperature": 0.5}, 0.5, False),
    ],
)
def test_relaxed_samples_have_the_bias_that_follows_from_their_documentation(build, name, parameters, tau, hard):
    """False-failure rate 1e-6."""
    problem = build("problem", "bernoulli_quadratic", p=0.8).at("cpu", "float64")
    estimator = build("estimator", name, samples=10, **parameters)
    mean = problem.truth + relaxed_bias(problem, tau, hard)
    assert_unbiased(lambda generator: estimator.estimate(problem, generator), mean, rate=1e-6)
