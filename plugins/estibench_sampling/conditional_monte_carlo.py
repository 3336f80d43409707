"""Conditional Monte Carlo: the last step of each particle is averaged by formula instead of by noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Bias, Cost, Unsupported, Variance
from estibench_sampling.evolution import EvolutionProblem
from estibench_sampling.normal_density import log_normal, mixture_of_normals
from estibench_sampling.ornstein_uhlenbeck import OrnsteinUhlenbeck
from estibench_sampling.particles import ParticleEstimator, euler_laws, simulate


def bias(problem: Any, estimator: ConditionalMonteCarlo) -> Tensor | None:
    """N(x; m, C) − p(x, t) with the law of the scheme; (times, points)."""
    if not isinstance(problem, OrnsteinUhlenbeck) or problem.sigma == 0:
        return None
    laws = [law.x for law in euler_laws(problem, estimator.steps)]
    return torch.stack([log_normal(problem.places, *law).exp() for law in laws]) - problem.truth


def variance(problem: Any, estimator: ConditionalMonteCarlo) -> Tensor | None:
    """[E φ² − (E φ)²]/N of the last step's density φ: φ² is one of half the variance v, times (4πv)^−m/2."""
    if not isinstance(problem, OrnsteinUhlenbeck) or problem.sigma == 0:
        return None
    found, identity = [], torch.eye(problem.dim, dtype=torch.float64)
    for law in euler_laws(problem, estimator.steps):
        (mean, before), v = law.before_noise, law.deviation**2
        square = log_normal(problem.places, mean, before + v / 2 * identity).exp() * (4 * math.pi * v) ** (
            -problem.dim / 2
        )
        found.append(square - log_normal(problem.places, *law.x).exp().square())
    return torch.stack(found) / estimator.particles


@dataclass(frozen=True)
class ConditionalMonteCarlo(ParticleEstimator):
    """p(x, t) ≈ (1/N) Σ_i N(x; Y_i + h f(Y_i), h g² I), Y_i = X_i(t − h) by Euler–Maruyama.

    The kernel estimate whose kernel is the last step itself: no bandwidth, and unbiased for the density of the scheme,
    which is O(h) away from p. The variance is O(1/(N (√h g)ᵐ)): a small step is a narrow kernel.

    Cost: N updates per step.
    """

    claims = (
        Bias(bias, "N(x; m, C) − p for a linear drift"),
        Variance(variance, "of the last step's density"),
        Cost("update", lambda p, e: e.particles * p.count_steps(e.steps), "N · steps"),
    )
    citation = (
        "Pedersen 1995, A new approach to maximum likelihood estimation for stochastic differential equations; "
        "Asmussen and Glynn 2007, Stochastic simulation, section V.4"
    )

    def densities(self, problem: EvolutionProblem, n: int, generator: torch.Generator) -> Tensor:
        if problem.diffusion == 0:
            raise Unsupported("without noise the last step has no density")
        runs = simulate(problem, problem.starts((n, self.particles), generator), self.steps, generator)
        return torch.stack([mixture_of_normals(problem.points_placed, mean, width) for _, mean, width in runs], 1)
