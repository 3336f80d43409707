"""The posteriors on real data are likelihood times prior."""

from __future__ import annotations

import pytest
import torch
from torch.func import grad
from torch.nn.functional import binary_cross_entropy_with_logits

from estibench import Unsupported
from estibench_densities.datasets import load

WEIGHTS = torch.randn(5, 13, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_linear_posterior_is_likelihood_times_prior(classes):
    density = classes["linear_posterior"](data="wine", dim=13, noise=0.5, prior_scale=2.0)
    A, y = load("wine")
    y = (y - y.mean()) / y.std(correction=0)

    def log_joint(x):
        return -(y - A @ x).square().sum() / (2 * 0.5**2) - x.square().sum() / (2 * 2.0**2)

    for x in WEIGHTS:
        torch.testing.assert_close(density.score(x), grad(log_joint)(x))


def test_linear_posterior_with_a_flat_prior_has_its_mode_at_least_squares(classes):
    A, y = load("diabetes")
    least_squares = torch.linalg.lstsq(A, (y - y.mean()) / y.std(correction=0)).solution
    density = classes["linear_posterior"](data="diabetes", dim=10, prior_scale=1e6)
    assert density.score(least_squares).abs().max() < 1e-9


@pytest.mark.parametrize(("data", "dim", "positive"), [("wine", 13, 0), ("breast_cancer", 30, 1), ("digits", 64, 0)])
def test_logistic_posterior_is_likelihood_times_prior(classes, data, dim, positive):
    density = classes["logistic_posterior"](data=data, dim=dim, prior_scale=3.0)
    A, target = load(data)
    x = torch.linspace(-1, 1, dim, dtype=torch.float64)
    loss = binary_cross_entropy_with_logits(A @ x, (target == positive).double(), reduction="sum")
    torch.testing.assert_close(density.log_prob(x), -loss - x.square().sum() / (2 * 3.0**2))


@pytest.mark.parametrize("name", ["linear_posterior", "logistic_posterior"])
def test_minibatches_of_one_average_to_the_score_and_larger_ones_are_means_of_those(classes, name):
    density = classes[name](data="wine", dim=13, prior_scale=2.0)
    x = torch.linspace(-1, 1, 13, dtype=torch.float64)
    single = density.minibatch_score(x.expand(density.data_size, 13), torch.arange(density.data_size)[:, None])
    torch.testing.assert_close(single.mean(0), density.score(x))
    torch.testing.assert_close(density.minibatch_score(x, torch.tensor([3, 5, 3])), single[[3, 5, 3]].mean(0))
    assert single.std(0).min() > 0


def test_a_smoothed_posterior_has_no_minibatches(classes):
    smoothed = classes["linear_posterior"](data="wine", dim=13).noised(0.1)
    with pytest.raises(Unsupported, match="no product over data"):
        smoothed.minibatch_score(torch.zeros(13, dtype=torch.float64), torch.tensor([0]))
