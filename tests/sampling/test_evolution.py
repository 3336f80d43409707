"""Density evolution: the truths solve the Fokker–Planck equation, and every estimator is where its theory says."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.func import grad, hessian, jacrev, vmap

from estibench import Unsupported, counting
from estibench.measure.statistics import Moments, unbiasedness_p_value
from estibench_sampling.feynman_kac import FeynmanKac
from estibench_sampling.finite_volume import bernoulli, generator_matrix, transition_rates
from estibench_sampling.normal import normal_like

OU = ("ornstein_uhlenbeck", {"rotation": 0.7, "spread": 0.8, "start": 1.0})
MIXTURE = {"name": "gaussian_mixture", "layout": "two_modes", "spread": 1.5, "scale": 0.6}
PROBLEMS = [
    OU,
    ("ornstein_uhlenbeck", {"sigma": 0.0}),
    ("noising", {"density": MIXTURE, "beta": 1.3}),
    ("langevin_evolution", {"density": MIXTURE}),
    ("langevin_evolution", {"density": {"name": "double_well", "a": 1.0, "h": 1.0}}),
]


def _problem(build, case, **more):
    name, parameters = case
    return build("problem", name, **{"dim": 2, "times": [0.2, 0.5], "points": 10, **parameters, **more})


@pytest.mark.parametrize("case", PROBLEMS)
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_truths_solve_the_equation_of_fokker_and_planck(build, case, dim):
    """∂p/∂t = −f·∇p − (∇·f) p + ½g²Δp, the left side by a central difference of width 10⁻⁴, the right by autograd."""
    problem = _problem(build, case, dim=dim)

    def p(x, t):
        return problem.log_density(x, t).exp()

    for t in problem.times:
        for x in problem.places[:4]:
            left = (p(x, t + 1e-4) - p(x, t - 1e-4)) / 2e-4
            slope = grad(lambda x: p(x, t))(x)  # noqa: B023 - used at once
            spread = hessian(lambda x: p(x, t))(x).trace()  # noqa: B023
            right = -problem.field(x) @ slope - problem.divergence(x) * p(x, t)
            right = right + 0.5 * problem.diffusion**2 * spread
            torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("case", PROBLEMS)
def test_the_oracles_agree(build, case):
    """Divergence and score are derivatives of field and log-density; samples have the density's moments."""
    problem = _problem(build, case)
    x = problem.places
    trace = vmap(lambda z: jacrev(problem.field)(z).trace())(x)
    torch.testing.assert_close(problem.divergence(x), trace)
    for t in (0.0, 0.5):
        slope = vmap(grad(problem.log_density), in_dims=(0, None))(x, t)
        torch.testing.assert_close(problem.score(x, t), slope)
        samples = problem.sample(50_000, t, torch.Generator().manual_seed(0))
        ticks = torch.linspace(-8, 8, 321, dtype=torch.float64)
        grid = torch.cartesian_prod(ticks, ticks)
        weights = problem.log_density(grid, t).exp() * (ticks[1] - ticks[0]) ** 2
        assert float(weights.sum()) == pytest.approx(1.0, abs=1e-6)
        torch.testing.assert_close(samples.mean(0), weights @ grid, rtol=0.0, atol=0.05)
        torch.testing.assert_close(samples.square().mean(0), weights @ grid.square(), rtol=0.05, atol=0.0)


def test_ornstein_uhlenbeck_in_one_dimension(build):
    """Mean a e^−θt and variance s²e^−2θt + σ²(1 − e^−2θt)/2θ, and σ²/2θ in the end."""
    problem = _problem(build, ("ornstein_uhlenbeck", {"theta": 0.8, "sigma": 1.5, "start": 2.0, "spread": 0.3}), dim=1)
    for t in (0.0, 0.4, 30.0):
        mean, covariance = problem.law(t)
        decay = math.exp(-0.8 * t)
        assert float(mean) == pytest.approx(2 * decay, abs=1e-12)
        assert float(covariance) == pytest.approx(0.09 * decay**2 + 1.5**2 * (1 - decay**2) / 1.6, rel=1e-9)


def test_langevins_equation_leaves_its_density_alone(build):
    problem = _problem(build, PROBLEMS[3])
    torch.testing.assert_close(problem.truth[0], problem.truth[1])
    flow = build("estimator", "probability_flow").estimate(problem, torch.Generator())
    torch.testing.assert_close(flow, problem.truth, rtol=1e-12, atol=0.0)


STOCHASTIC = [
    ("euler_maruyama_kde", {"bandwidth": 0.3}),
    ("conditional_monte_carlo", {}),
    ("feynman_kac", {}),
]


@pytest.mark.parametrize(("name", "parameters"), STOCHASTIC)
@pytest.mark.parametrize("dim", [1, 2])
def test_bias_and_variance_on_a_linear_drift_are_the_closed_forms(build, measure, name, parameters, dim):
    """The mean of 2 000 estimates by the test of a claim at 1e-6, and each variance within 6 standard errors: 1e-6.

    With five steps to the last time the bias of the scheme is plain: without it the test of the mean refutes.
    """
    problem = _problem(build, OU, dim=dim)
    estimator = build("estimator", name, particles=50, steps=5, **parameters)
    draws = measure(estimator, problem, 2000).draws
    bias, variance = (
        next(claim for claim in estimator.claims if claim.statement.startswith(word)).formula(problem, estimator)
        for word in ("bias", "variance")
    )
    truth = problem.truth.flatten()
    assert unbiasedness_p_value(Moments(draws, truth + bias.flatten()), 1e-12) > 1e-6
    assert unbiasedness_p_value(Moments(draws, truth), 1e-12) < 1e-6
    squares = (draws - draws.mean(0)).square()
    error = squares.std(0) / math.sqrt(len(draws))
    assert ((squares.mean(0) - variance.flatten()).abs() <= 6 * error).all()


@pytest.mark.parametrize(("name", "parameters"), STOCHASTIC)
def test_many_small_steps_come_to_the_truth(build, measure, name, parameters):
    """On a mixture, where nothing is linear. Kernel width 0.1, 100 steps: relative error of the mean below 6 %."""
    problem = _problem(build, PROBLEMS[2], points=8, dim=1)
    given = parameters | ({"bandwidth": 0.1} if parameters else {})
    estimator = build("estimator", name, particles=1000, steps=100, **given)
    mean = measure(estimator, problem, 40).draws.mean(0)
    assert (mean - problem.truth.flatten()).norm() / problem.truth.norm() < 0.06


@pytest.mark.parametrize("case", PROBLEMS)
@pytest.mark.parametrize("dim", [1, 3])
def test_the_probability_flow_is_exact_but_for_its_tolerance(build, case, dim):
    problem = _problem(build, case, dim=dim)
    found = build("estimator", "probability_flow", rtol=1e-8).estimate(problem, torch.Generator())
    torch.testing.assert_close(found, problem.truth, rtol=1e-5, atol=1e-9)


def test_without_noise_log_densities_change_by_the_trace_alone(build):
    """g = 0: log p(x, t) = log p_0(e^Θt x) + t tr Θ, the change of variables; flow and Feynman–Kac both say so."""
    problem = _problem(build, ("ornstein_uhlenbeck", {"sigma": 0.0, "rotation": 0.5, "spread": 1.0}))
    flow = build("estimator", "probability_flow", rtol=1e-9).estimate(problem, torch.Generator())
    paths = build("estimator", "feynman_kac", particles=1, steps=4000).estimate(problem, torch.Generator())
    for i, t in enumerate(problem.times):
        back = problem.places @ torch.linalg.matrix_exp(t * problem.matrix).T
        expected = (problem.log_density(back, 0.0) + t * problem.matrix.trace()).exp()
        torch.testing.assert_close(flow[i], expected, rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(paths[i], expected, rtol=0.01, atol=1e-5)
    with pytest.raises(Unsupported, match="without noise"):
        build("estimator", "conditional_monte_carlo").estimate(problem, torch.Generator())


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("case", [PROBLEMS[0], PROBLEMS[2]])
def test_the_grid_is_of_second_order(build, case, dim):
    """Twice the cells and steps: a quarter of the error, within a factor of 1.4."""
    problem = _problem(build, case, dim=dim)
    errors = [
        (
            build("estimator", "finite_volume", cells=cells, steps=cells).estimate(problem, torch.Generator())
            - problem.truth
        ).norm()
        for cells in (40, 80)
    ]
    assert 2.8 < errors[0] / errors[1] < 5.6


def test_the_grid_keeps_mass_and_leaves_a_normal_law_alone(build):
    """Columns of L sum to 0, no mass is negative, and L p = O(Δ²) at the invariant law."""
    problem = _problem(build, ("langevin_evolution", {"density": {"name": "gaussian"}}))
    centres, L = generator_matrix(problem, 60)
    assert abs(L.sum(0)).max() < 1e-9
    assert (L - L.multiply(0)).diagonal().max() <= 0
    grid = torch.stack(torch.meshgrid(*centres, indexing="ij"), -1)
    p = problem.log_density(grid, 0.0).exp().reshape(-1).numpy()
    assert abs(L @ p).max() < 1e-3 * abs(L.diagonal() * p).max()


def test_rates_of_scharfetter_and_gummel():
    """Their ratio is e^fΔ/D, their difference the drift over the cell, and upwind without diffusion."""
    import numpy as np

    f = np.array([-3.0, 0.0, 2.0])
    right, left = transition_rates(f, 0.1, 0.5)
    np.testing.assert_allclose(right / left, np.exp(f * 0.1 / 0.5))
    np.testing.assert_allclose((right - left) * 0.1, f)
    right, left = transition_rates(f, 0.1, 0.0)
    np.testing.assert_allclose(right, [0, 0, 20])
    np.testing.assert_allclose(left, [30, 0, 0])
    np.testing.assert_allclose(bernoulli(np.array([0.0, 1e-9, 1.0])), [1, 1, 1 / (math.e - 1)], rtol=1e-8)


class WrongSign(FeynmanKac):
    """Follows the drift forwards instead of backwards."""

    def densities(self, problem, n, generator):
        y = problem.points_placed[:, None].expand(n, -1, self.particles, -1)
        found = []
        for sizes in problem.step_sizes(self.steps):
            for h in sizes:
                y = y + h * problem.drift(y) + math.sqrt(h) * problem.diffusion * normal_like(y, generator)
            found.append(problem.log_density(y, 0.0).exp().mean(-1))
        return torch.stack(found, 1)


def test_claims_are_supported_and_a_wrong_sign_refuted(build, verdicts):
    problem = _problem(build, OU)
    assert set(verdicts(build("estimator", "feynman_kac"), problem, 100).values()) == {"supported"}
    found = verdicts(WrongSign(), problem, 100)
    assert found["bias = of the scheme, for a linear drift"] == "refuted"


@pytest.mark.parametrize(
    ("name", "parameters"), [*STOCHASTIC, ("finite_volume", {"cells": 20}), ("probability_flow", {})]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_estimates_have_the_shape_of_the_truth_at_the_claimed_cost(build, name, parameters, dtype):
    problem = _problem(build, PROBLEMS[2]).at("cpu", dtype)
    estimator = build("estimator", name, **parameters)
    with counting() as counts:
        found = estimator.estimate(problem, torch.Generator().manual_seed(0))
    assert (found.shape, found.dtype) == (problem.truth.shape, problem.torch_dtype)
    assert found.isfinite().all()
    claimed = [claim.formula(problem, estimator) for claim in estimator.claims if hasattr(claim, "unit")]
    assert claimed in ([counts["update"]], [])


def test_what_does_not_go_together_says_so(build):
    with pytest.raises(Exception, match="times must rise"):
        _problem(build, OU, times=[0.5, 0.5])
    with pytest.raises(Exception, match="exact sampler and a known normaliser"):
        _problem(build, ("langevin_evolution", {"density": {"name": "phi4"}}))
    with pytest.raises(Unsupported, match="grid in 3 dimensions"):
        build("estimator", "finite_volume").estimate(_problem(build, OU, dim=3), torch.Generator())
    with pytest.raises(Unsupported, match="too few for cubic splines"):
        build("estimator", "finite_volume", cells=4).estimate(_problem(build, OU), torch.Generator())


def test_every_interval_gets_its_steps(build):
    problem = _problem(build, OU, times=[0.1, 1.0, 2.0])
    sizes = problem.step_sizes(20)
    assert [len(part) for part in sizes] == [1, 9, 10]
    assert [sum(part) for part in sizes] == pytest.approx([0.1, 0.9, 1.0])
    assert problem.count_steps(1) == 3
    assert replace(problem, times=(2.0,)).step_sizes(4) == [[0.5] * 4]
