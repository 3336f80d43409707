"""Solvers of known order, log-densities along a flow, and divergences by formula."""

from __future__ import annotations

import math

import pytest
import torch

from estibench_score.mlp_model import MLPModel
from estibench_score.model import ScoreModel
from estibench_score.ode import even, log_density, normal_log_density, solve


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2), ("rk4", 4)])
@pytest.mark.parametrize(("start", "end"), [(0.0, 1.0), (1.0, 0.0)])
def test_the_error_falls_with_the_order_of_the_solver(solver, order, start, end):
    """dx/dt = −tx, x(t) = x(s) e^{(s² − t²)/2}, in both directions of time."""
    exact = math.exp((start**2 - end**2) / 2)
    x = torch.ones(1, dtype=torch.float64)
    error = [abs(float(solve(lambda x, t: -t * x, x, even(start, end, n), solver)) - exact) for n in (16, 32)]
    assert math.log2(error[0] / error[1]) == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize(("start", "end"), [(1.0, 0.0), (0.0, 2.0)])
def test_a_linear_flow_carries_a_normal_law(start, end):
    """dx/dt = Ax with diagonal A: x_end ~ N(0, 4I) makes x_start ~ N(0, 4e^{2A(s − e)}), whichever end is the later."""
    a = torch.tensor([0.5, -0.3, 0.2], dtype=torch.float64)
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = log_density(
        lambda x, t: (a * x, a.sum().expand(len(x))),
        x,
        even(start, end, 16),
        lambda x: normal_log_density(x, deviation=2.0),
    )
    deviation = 2 * (a * (start - end)).exp()
    expected = torch.distributions.Normal(0.0, deviation).log_prob(x).sum(-1)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_a_divergence_by_formula_is_that_of_the_jacobian():
    """Of the network, at one level for all points and at one for each; and of what has no formula, by JVPs."""
    model = MLPModel(3, 5)
    generator = torch.Generator().manual_seed(0)
    theta = model.initial(generator)
    x, levels = (torch.randn(4, n, generator=generator, dtype=torch.float64) for n in (3, 1))
    for level in (0.0, 0.7, levels):
        each = level if isinstance(level, torch.Tensor) else torch.full((4, 1), level, dtype=torch.float64)
        jacobians = [
            torch.func.jacrev(lambda p, c=c: model.score(theta, p, c))(p) for p, c in zip(x, each, strict=True)
        ]
        exact = torch.stack([one.trace() for one in jacobians])
        for found in (model.with_divergence(theta, x, level), ScoreModel.with_divergence(model, theta, x, level)):
            torch.testing.assert_close(found[0], model.score(theta, x, level))
            torch.testing.assert_close(found[1], exact)
