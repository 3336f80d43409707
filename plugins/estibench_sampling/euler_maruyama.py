"""Particles by Euler–Maruyama and a kernel density estimate of where they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Bias, Cost, NonNegativeFloat, Variance
from estibench_sampling.evolution import EvolutionProblem
from estibench_sampling.normal_density import log_normal, mixture_of_normals
from estibench_sampling.ornstein_uhlenbeck import OrnsteinUhlenbeck
from estibench_sampling.particles import ParticleEstimator, euler_laws, simulate


def bias(problem: Any, estimator: EulerMaruyamaKDE) -> Tensor | None:
    """N(x; m, C + b²I) − p(x, t): the law of the scheme, smeared by the kernel; (times, points)."""
    if not isinstance(problem, OrnsteinUhlenbeck) or estimator.bandwidth == 0:
        return None
    return _smeared(problem, estimator, 1.0) - problem.truth


def variance(problem: Any, estimator: EulerMaruyamaKDE) -> Tensor | None:
    """[E K² − (E K)²]/N of a Gaussian kernel K: K² is one of half the variance, times (4πb²)^−m/2; (times, points)."""
    if not isinstance(problem, OrnsteinUhlenbeck) or estimator.bandwidth == 0:
        return None
    peak = (4 * math.pi * estimator.bandwidth**2) ** (-problem.dim / 2)
    squares = peak * _smeared(problem, estimator, 0.5)
    return (squares - _smeared(problem, estimator, 1.0).square()) / estimator.particles


def _smeared(problem: OrnsteinUhlenbeck, estimator: EulerMaruyamaKDE, share: float) -> Tensor:
    """N(x; m, C + share · b²I) at every time and point."""
    kernel = share * estimator.bandwidth**2 * torch.eye(problem.dim, dtype=torch.float64)
    laws = [law.x for law in euler_laws(problem, estimator.steps)]
    return torch.stack([log_normal(problem.places, mean, C + kernel).exp() for mean, C in laws])


@dataclass(frozen=True)
class EulerMaruyamaKDE(ParticleEstimator):
    """p(x, t) ≈ (1/N) Σ_i N(x; X_i(t), b²I), the X_i by x' = x + h f(x) + √h g ξ.

    Two biases: O(h) of the scheme and O(b²) of the kernel; the variance is O(1/(N bᵐ)), so that in many dimensions b
    must be large. With a linear drift all of it is normal, and bias and variance are closed forms.

    Parameters:
        bandwidth: b, in units of x; 0 takes Silverman's rule, (4/(m + 2)N)^1/(m+4) times the root of the mean variance.

    Cost: N updates per step.
    """

    bandwidth: NonNegativeFloat = 0.0

    claims = (
        Bias(bias, "N(x; m, C + b²I) − p for a linear drift"),
        Variance(variance, "of a Gaussian kernel at normal particles"),
        Cost("update", lambda p, e: e.particles * p.count_steps(e.steps), "N · steps"),
    )
    citation = "Maruyama 1955, Continuous Markov processes and stochastic equations; Silverman 1986, Density estimation"

    def densities(self, problem: EvolutionProblem, n: int, generator: torch.Generator) -> Tensor:
        found = []
        for x, _, _ in simulate(problem, problem.starts((n, self.particles), generator), self.steps, generator):
            width = torch.as_tensor(self.bandwidth) if self.bandwidth else silverman(x)
            found.append(mixture_of_normals(problem.points_placed, x, width))
        return torch.stack(found, 1)


def silverman(x: Tensor) -> Tensor:
    """The rule's bandwidth for normal particles, (..., N, m) → (..., 1, 1)."""
    n, m = x.shape[-2:]
    deviation: Tensor = x.var(-2).mean(-1).sqrt()
    return (4 / ((m + 2) * n)) ** (1 / (m + 4)) * deviation[..., None, None]
