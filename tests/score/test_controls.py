"""Where score matching fails, it fails as theory says: edges, kinks, noise levels, and weights of distant modes."""

from __future__ import annotations

import math

import pytest
import torch

from estibench.measure.statistics import unbiasedness_p_value
from estibench_score.gaussian_model import GaussianModel
from estibench_score.gaussian_theory import denoising_variance
from estibench_score.model import ScoreModel


def _problem(build, **parameters):
    return build("problem", "score_gradient", **{"dim": 3, "batch": 8, "hidden": 6, **parameters})


def _within(values, expected, errors=6.0):
    """Every component of the mean within `errors` standard errors: false failures 2e-9 for each."""
    error = values.std(0) / len(values) ** 0.5
    assert ((values.mean(0) - expected).abs() <= errors * error + 1e-12).all()


def _gaussian_truth_at_an_edge(model: ScoreModel, theta, rate):
    """∇_θ ½E‖s − ∇log p‖² for s = −P(x−μ) and ∇log p = −λ1 on x > 0, without integrating by parts.

    With δ = 1/λ − μ and C = I/λ² + δδᵀ: sym(PC − λ1δᵀ) and −P(Pδ − λ1).
    """
    assert isinstance(model, GaussianModel)
    P, mean = model.precision_and_mean(theta)
    m = len(mean)
    one, identity = torch.ones(m, dtype=torch.float64), torch.eye(m, dtype=torch.float64)
    delta = 1 / rate - mean
    A = P @ (identity / rate**2 + torch.outer(delta, delta)) - rate * torch.outer(one, delta)
    return torch.cat([((A + A.T) / 2).flatten(), -P @ (P @ delta - rate * one)])


def _boundary_term(model, theta, rate):
    """∇_θ of E[tr ∇s + sᵀ∇log p] = −λ Σ_i E[s_i | x_i = 0] = λ[1ᵀP(1/λ − μ) − tr P/λ]: (sym(λ1δᵀ) − I, −λP1)."""
    P, mean = model.precision_and_mean(theta)
    m = len(mean)
    one = torch.ones(m, dtype=torch.float64)
    A = rate * torch.outer(one, 1 / rate - mean)
    in_P = (A + A.T) / 2 - torch.eye(m, dtype=torch.float64)
    return torch.cat([in_P.flatten(), -rate * P @ one])


@pytest.mark.parametrize("rate", [1.0, 2.0])
def test_implicit_score_matching_misses_the_boundary_term(build, draw, rate):
    """Exp(λ): the explicit gradient is the truth; implicit, sliced and finite-difference ones miss the closed form."""
    problem = _problem(build, density={"name": "exponential", "rate": rate}, batch=16)
    truth = _gaussian_truth_at_an_edge(problem.score_model, problem.initial, rate)
    assert (problem.truth - truth).norm() < 0.02 * truth.norm()  # the reference sample's own error
    assert "samples" in problem.truth_source
    bias = _boundary_term(problem.score_model, problem.initial, rate)
    assert bias.norm() > 1
    _within(draw(build("estimator", "explicit"), problem, 5000), truth)
    for name in ("implicit", "sliced", "finite_difference"):
        estimator = build("estimator", name)
        _within(draw(estimator, problem, 5000), truth + bias)
        claim = next(claim for claim in estimator.claims if claim.statement == "unbiased")
        assert not claim.applies(problem, estimator)


def test_denoising_is_not_concerned_by_an_edge(build, moments):
    """One test at 1e-6."""
    problem = _problem(build, density={"name": "exponential"}, smoothing=(0.5,), model="mlp")
    estimator = build("estimator", "denoising", sigma=0.5)
    assert unbiasedness_p_value(moments(estimator, problem, 4096), 1e-10) > 1e-6


def test_kinks_of_the_density_do_not_matter_to_a_smooth_model(build, draw):
    """A smooth model meets no kink: E[tr ∇s] = −E[sᵀ∇log p] holds, and 9 components are within 6 errors (2e-8). The
    density's own score is no such model: E‖∇log p‖² = m/b² against a Laplacian of 0.
    """
    problem = _problem(build, density={"name": "laplace"}, batch=16)
    _within(draw(build("estimator", "implicit"), problem, 5000), problem.truth)
    x = problem.density.sample(1000, torch.Generator().manual_seed(0))
    fisher = problem.density.score(x).square().sum(-1)
    assert (fisher == 3.0).all()
    assert (problem.density.laplacian(x) == 0).all()


def test_bias_grows_and_variance_shrinks_with_the_noise(build, draw, spread):
    """On normal data: bias σ²‖P‖, variance ~ σ⁻² as σ → 0 (closed form, checked by draws), bounded with a reduction."""
    problem = _problem(build, density={"name": "gaussian", "covariance": "full"})
    small = [denoising_variance(problem, sigma, "none") for sigma in (0.01, 0.02)]
    assert math.log2(small[0] / small[1]) == pytest.approx(2, abs=0.02)
    for reduction in ("control_variate", "antithetic"):
        reduced = [denoising_variance(problem, sigma, reduction) for sigma in (0.01, 0.02)]
        assert reduced[0] / reduced[1] == pytest.approx(1, abs=0.02)
    for sigma in (0.03, 0.3):
        found, error = spread(draw(build("estimator", "denoising", sigma=sigma), problem, 5000))
        assert abs(found - denoising_variance(problem, sigma, "none")) < 6 * error
    P, _ = problem.score_model.precision_and_mean(problem.initial)
    values = draw(build("estimator", "denoising", sigma=2.0), problem, 5000)
    bias = torch.cat([(4 * P).flatten(), torch.zeros(3, dtype=torch.float64)])
    _within(values, problem.truth + bias)


def test_the_fisher_divergence_is_blind_to_weights_of_distant_modes(build):
    """A mixture with weights 0.2 and 0.8, and its mirror image q(x) = p(−x) with the weights exchanged, by quadrature:
    ½E‖∇log q − ∇log p‖² vanishes with the distance of the modes, like the mass between them; Kullback and Leibler's
    divergence does not.
    """
    x = torch.linspace(-20, 20, 8001, dtype=torch.float64)[:, None]
    fisher, kullback = [], []
    for distance in (1.0, 2.0, 4.0, 8.0):
        density = build("density", "gaussian_mixture", dim=1, spread=distance, scale=1.0)
        p = density.log_prob(x).exp()
        difference = -density.score(-x) - density.score(x)
        fisher.append(float(torch.trapezoid(0.5 * p * difference.square().sum(-1), x[:, 0])))
        kullback.append(float(torch.trapezoid(p * (density.log_prob(x) - density.log_prob(-x)), x[:, 0])))
    assert fisher == sorted(fisher, reverse=True)
    assert fisher[0] > 0.1
    assert fisher[-1] < 1e-10
    assert kullback[-1] == pytest.approx(0.6 * math.log(4), rel=1e-6)


def test_finite_differences_round_below_and_truncate_above(build):
    """Distance of the gradient from that of slicing with the same directions: ε² in float64, 10⁻⁷/ε in float32."""
    problem = _problem(build, model="mlp", density={"name": "gaussian"}, reference=2**10)

    def distance(dtype, step):
        placed = problem.at("cpu", dtype)
        placed.prepare()
        sliced, differences = (
            build("estimator", name, **parameters).draws(placed, 100, torch.Generator().manual_seed(0))
            for name, parameters in (("sliced", {}), ("finite_difference", {"step": step}))
        )
        return float((differences - sliced).norm() / (sliced - sliced.mean(0)).norm())

    assert distance("float64", 0.1) / distance("float64", 0.01) == pytest.approx(100, rel=0.1)
    assert distance("float32", 1e-6) / distance("float32", 1e-4) == pytest.approx(100, rel=0.5)
    assert distance("float32", 1e-6) > 1e6 * distance("float64", 1e-6)
