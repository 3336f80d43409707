"""Stochastic Lanczos quadrature: its mean over all sign vectors, its bound, its variance and its cost."""

from dataclasses import dataclass
from itertools import product

import pytest
import torch

from estibench import counting
from estibench.measure.statistics import Moments, unbiasedness_p_value
from estibench_flow.lanczos import log_forms
from estibench_flow.lanczos_quadrature import LanczosQuadrature, converged, largest_bias, variance

FAMILIES = ["symmetric", "linear", "mlp"]
N = 8000


@pytest.fixture
def block(build):
    def block(**parameters):
        return build("problem", "residual_block", **{"dim": 6, "batch": 2, "hidden": 7, "lipschitz": 0.8, **parameters})

    return block


def mean_over_signs(problem, steps):
    """E of the estimate with Rademacher probes: over all 2^m of them, (batch,). No sampling."""
    signs = torch.tensor(list(product((-1.0, 1.0), repeat=problem.dim)), dtype=torch.float64)
    v = signs[:, None].expand(-1, problem.batch, -1).reshape(-1, problem.dim)
    forms, _ = log_forms(problem.square(len(signs)), v, steps)
    return (2 if problem.positive_definite else 1) * forms.reshape(len(signs), -1).mean(0)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_bias_is_upwards_and_below_its_bound(block, family):
    """Exact means; at least halved by every step, and gone when Lanczos has every direction."""
    problem = block(family=family)
    before = torch.full((2,), float("inf"), dtype=torch.float64)
    for steps in (1, 2, 3, 4):
        bias = mean_over_signs(problem, steps) - problem.truth
        bound = largest_bias(problem, LanczosQuadrature(steps))
        assert (bias > 0).all()
        assert (bias <= bound).all()
        assert (bias < 0.5 * before).all()
        before = bias
    assert (mean_over_signs(problem, 6) - problem.truth).abs().max() < 1e-10


@dataclass(frozen=True)
class NotHalved(LanczosQuadrature):
    """log BᵀB taken for log B."""

    def draws_with_error(self, problem, n, generator):
        values, errors = super().draws_with_error(problem, n, generator)
        return 2 * values, 2 * errors


@pytest.mark.parametrize("noise", ["rademacher", "gaussian"])
@pytest.mark.parametrize("family", FAMILIES)
def test_converged_it_is_unbiased_with_the_claimed_variance(block, draw, family, noise):
    """Level 1e-6 and 6 standard errors: rate below 1e-5 over all."""
    problem = block(family=family, lipschitz=0.5)
    estimator = LanczosQuadrature(steps=12, probes=2, noise=noise)
    assert converged(problem, estimator)
    values, errors = draw(estimator, problem, 3000)
    assert unbiasedness_p_value(Moments(values, problem.truth), 1e-12) > 1e-6
    squares = (values - values.mean(0)).square()
    assert ((squares.mean(0) - variance(problem, estimator)).abs() <= 6 * squares.std(0) / 3000**0.5).all()
    assert float((errors.square().mean(0) / values.var(0)).log().abs().max()) < 0.2


def test_a_wrong_factor_and_too_few_steps_are_found_out(block, draw):
    problem = block(family="mlp")
    values, _ = draw(NotHalved(6, 2), problem, N)
    assert unbiasedness_p_value(Moments(values, problem.truth), 1e-12) < 1e-6
    few = LanczosQuadrature(1, 2)
    assert not converged(problem, few)
    values, _ = draw(few, problem, N)
    assert unbiasedness_p_value(Moments(values, problem.truth), 1e-12) < 1e-6


@pytest.mark.parametrize(("family", "vjps"), [("symmetric", 15), ("linear", 30)])
def test_a_positive_definite_block_takes_half_of_the_products(block, family, vjps):
    with counting() as counts:
        LanczosQuadrature(5, 3).estimate(block(family=family), torch.Generator().manual_seed(0))
    assert (counts["vjp"], counts["evaluation"]) == (vjps, 1)


def test_float32_is_close_and_no_contraction_is_needed(block):
    problem = block(family="linear", lipschitz=3.0, dim=12).at("cpu", "float32")
    values = LanczosQuadrature(12, 2000).estimate(problem, torch.Generator().manual_seed(0))
    assert values.dtype == torch.float32
    deviation = (variance(problem, LanczosQuadrature(12, 2000))).sqrt()
    assert ((values - problem.truth).abs() < 6 * deviation).all()
