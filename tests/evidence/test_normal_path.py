"""The path between two normals against integrals on a grid, and the law of its points."""

from __future__ import annotations

import math

import pytest
import torch

from estibench_evidence.normal_path import NormalPath
from estibench_evidence.particles import Stage, stage

MEAN, VARIANCE, PROPOSAL, LOG_Z = (0.7, -0.4), (0.5, 3.0), 2.0, 1.3
ROTATION = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
PATH = NormalPath(
    torch.tensor(MEAN, dtype=torch.float64), torch.tensor(VARIANCE, dtype=torch.float64), ROTATION, PROPOSAL, LOG_Z
)
GRID = torch.linspace(-40, 40, 160_001, dtype=torch.float64)


def log_normal(x, mean, variance):
    return -0.5 * (x - mean) ** 2 / variance - 0.5 * math.log(2 * math.pi * variance)


def on_a_grid(beta, power=0):
    """∫ q^(1−β) γ^β of each direction without Z, and the moments there of U without log Z."""
    found = []
    for mean, variance in zip(MEAN, VARIANCE, strict=True):
        log_q, log_p = log_normal(GRID, 0.0, PROPOSAL), log_normal(GRID, mean, variance)
        density = ((1 - beta) * log_q + beta * log_p).exp()
        mass = torch.trapezoid(density, GRID)
        U = log_p - log_q
        first = torch.trapezoid(density * U, GRID) / mass
        found.append((mass, first, torch.trapezoid(density * (U - first) ** 2, GRID) / mass))
    return found


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0, 1.4])
def test_integral_and_moments(beta):
    first, second = on_a_grid(beta)
    log_integral = float((first[0] * second[0]).log()) + beta * LOG_Z
    assert PATH.log_integral(beta) == pytest.approx(log_integral, rel=1e-9, abs=1e-9)
    mean, variance = PATH.moments(beta)
    assert mean == pytest.approx(float(first[1] + second[1]) + LOG_Z, rel=1e-8, abs=1e-9)
    assert variance == pytest.approx(float(first[2] + second[2]), rel=1e-8)


def test_the_integral_diverges_where_a_direction_is_too_wide():
    """β/λ + (1 − β)/s² = 0 at β = λ/(λ − s²) = 3."""
    assert math.isfinite(PATH.log_integral(2.999))
    assert PATH.log_integral(3.0) == math.inf


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_points_have_the_mean_and_the_covariance_of_the_path(beta):
    """Standardised, 20 000 points have mean 0 and covariance I within 6 standard errors: fails for one seed in 10⁸."""
    x = PATH.sample(beta, 20_000, torch.Generator().manual_seed(1))
    a = beta / PATH.variance + (1 - beta) / PROPOSAL
    z = (x @ ROTATION - beta * PATH.mean / (PATH.variance * a)) * a.sqrt()
    assert float(z.mean(0).abs().max()) < 6 / 20_000**0.5
    assert float((z.mT @ z / len(z) - torch.eye(2, dtype=z.dtype)).abs().max()) < 6 * (2 / 20_000) ** 0.5
    again = PATH.sample(torch.full((20_000,), beta, dtype=x.dtype), 20_000, torch.Generator().manual_seed(1))
    torch.testing.assert_close(again, x)


@pytest.mark.parametrize(("tau", "dim"), [(0.5, 3), (1.1, 2), (1.4, 1)])
def test_the_second_moment_of_isotropic_weights(tau, dim):
    """E (w/Z)² = (τ√(2 − τ²))^−m."""
    one = torch.ones(dim, dtype=torch.float64)
    found = stage(NormalPath(0 * one, tau**2 * one, torch.diag(one), 1.0, 0.0), [0.0], 1.0)
    assert found.second == pytest.approx((tau * math.sqrt(2 - tau**2)) ** -dim - 1, rel=1e-12)


def test_higher_moments_of_weights():
    """Of one direction, λ = 0.8 under N(0, 1): E (w − 1)ᵃ by quadrature; and none where a moment diverges."""
    one = torch.ones(1, dtype=torch.float64)
    found = stage(NormalPath(0.3 * one, 0.8 * one, torch.diag(one), 1.0, 5.0), [0.0], 1.0)
    w = (log_normal(GRID, 0.3, 0.8) - log_normal(GRID, 0.0, 1.0)).exp()
    for a, value in zip((2, 3, 4), found, strict=True):
        exact = torch.trapezoid((w - 1) ** a * log_normal(GRID, 0.0, 1.0).exp(), GRID)
        assert value == pytest.approx(float(exact), rel=1e-8)
    wide = stage(NormalPath(0 * one, 1.5 * one, torch.diag(one), 1.0, 0.0), [0.0], 1.0)
    assert math.isfinite(wide.second)
    assert wide.fourth == math.inf
    assert stage(NormalPath(0 * one, 2 * one, torch.diag(one), 1.0, 0.0), [0.0], 1.0) == Stage(*[math.inf] * 3)
