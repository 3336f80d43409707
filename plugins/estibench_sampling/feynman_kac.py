"""The Feynman–Kac formula: the Fokker–Planck equation read backwards along paths from the point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Bias, Cost, Deterministic, PositiveInt, Variance
from estibench_sampling.evolution import EvolutionProblem
from estibench_sampling.normal import normal_like
from estibench_sampling.normal_density import log_normal
from estibench_sampling.ornstein_uhlenbeck import OrnsteinUhlenbeck
from estibench_sampling.particles import ParticleEstimator


def moments(problem: OrnsteinUhlenbeck, estimator: FeynmanKac) -> tuple[Tensor, Tensor]:
    """E and E of the square of one path's term on a linear drift, (times, points) each.

    Y' = (I + hΘ)Y + √h σ ξ is normal around B x, with a covariance V that does not depend on x; p_0 = N(a, S) and
    p_0² = (4π)^−m/2 |S|^−½ N(a, S/2); the weight e^{t tr Θ} is a number.
    """
    (a, S), m, identity = problem.start_law, problem.dim, torch.eye(problem.dim, dtype=torch.float64)
    B, V, t, first, second = identity, torch.zeros_like(identity), 0.0, [], []
    peak = (4 * math.pi * problem.spread**2) ** (-m / 2)
    for sizes in problem.step_sizes(estimator.steps):
        for h in sizes:
            A = identity + h * problem.matrix
            B, V, t = A @ B, A @ V @ A.T + h * problem.sigma**2 * identity, t + h
        means = problem.places @ B.T
        first.append(problem.growth(t) * log_normal(means, a, S + V).exp())
        second.append(problem.growth(t) ** 2 * peak * log_normal(means, a, S / 2 + V).exp())
    return torch.stack(first), torch.stack(second)


def bias(problem: Any, estimator: FeynmanKac) -> Tensor | None:
    """Of the scheme; (times, points)."""
    return moments(problem, estimator)[0] - problem.truth if isinstance(problem, OrnsteinUhlenbeck) else None


def variance(problem: Any, estimator: FeynmanKac) -> Tensor | None:
    """(E u² − (E u)²)/N of a path's term u; (times, points). No claim where few paths out of very many carry the mean,
    at a relative error above 1: then a sample's variance says nothing about this one.
    """
    if not isinstance(problem, OrnsteinUhlenbeck) or problem.sigma == 0:
        return None
    first, second = moments(problem, estimator)
    found = (second - first.square()) / estimator.particles
    return found if found.sum() <= first.square().sum() else None


@dataclass(frozen=True)
class FeynmanKac(ParticleEstimator):
    """p(x, t) = E[p_0(Y_t) exp(−∫_0^t ∇·f(Y_s) ds)],   dY = −f(Y) ds + g dW,   Y_0 = x,

    since the Fokker–Planck equation is ∂p/∂t = −f·∇p + ½g²Δp − (∇·f)p. N paths from every point, by Euler–Maruyama with
    the integral as a sum over left ends; one set of paths serves all times. Needs p_0 and ∇·f and no kernel, so its
    error does not grow with the dimension as such. But where f pulls together the reversed paths fly apart, and the
    weights e^−∫∇·f make up for it: the variance grows exponentially in t.

    Parameters:
        particles: N, paths from each point.

    Cost: N updates per step and point.
    """

    particles: PositiveInt = 100

    claims = (
        Bias(bias, "of the scheme, for a linear drift"),
        Variance(variance, "(E u² − (E u)²)/N for a linear drift"),
        Deterministic(when=lambda problem, estimator: problem.diffusion == 0, given="there is no noise"),
        Cost("update", lambda p, e: e.particles * p.points * p.count_steps(e.steps), "N · points · steps"),
    )
    citation = "Kac 1949, On distributions of certain Wiener functionals; Øksendal 2003, section 8.2"

    def densities(self, problem: EvolutionProblem, n: int, generator: torch.Generator) -> Tensor:
        y = problem.points_placed[:, None].expand(n, -1, self.particles, -1)  # (n, points, N, dim)
        weight, found = torch.zeros_like(y[..., 0]), []
        for sizes in problem.step_sizes(self.steps):
            for h in sizes:
                weight = torch.sub(weight, problem.divergence(y), alpha=h)
                y = torch.sub(y, problem.drift(y), alpha=h)
                y = y.add_(normal_like(y, generator), alpha=math.sqrt(h) * problem.diffusion)
            found.append((problem.log_density(y, 0.0) + weight).exp().mean(-1))
        return torch.stack(found, 1)
