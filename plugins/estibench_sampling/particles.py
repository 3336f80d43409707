"""Particles that follow a diffusion by Euler–Maruyama, and what their density is on a linear drift."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from estibench import Estimator, PositiveInt
from estibench_sampling.evolution import EvolutionProblem
from estibench_sampling.normal import normal_like
from estibench_sampling.ornstein_uhlenbeck import OrnsteinUhlenbeck


def simulate(
    problem: EvolutionProblem, x: Tensor, steps: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor, float]]:
    """x + h f(x) + √h g ξ from x ~ p_0, (..., dim). At each time of the problem: the particles, the means that their
    last step added its noise to, and the standard deviation of that noise.
    """
    for sizes in problem.step_sizes(steps):
        mean, deviation = x, 0.0
        for h in sizes:
            mean, deviation = torch.add(x, problem.drift(x), alpha=h), math.sqrt(h) * problem.diffusion
            x = torch.add(mean, normal_like(x, generator), alpha=deviation)
        yield x, mean, deviation


@dataclass(frozen=True)
class EulerLaw:
    """Means and covariances of Euler–Maruyama on a linear drift at one time: of X, and of the mean of its last step."""

    x: tuple[Tensor, Tensor]
    before_noise: tuple[Tensor, Tensor]
    deviation: float


def euler_laws(problem: OrnsteinUhlenbeck, steps: int) -> list[EulerLaw]:
    """At each time of the problem: m' = (I − hΘ)m, C' = (I − hΘ)C(I − hΘ)ᵀ + hσ²I; float64."""
    (mean, covariance), identity, found = problem.start_law, torch.eye(problem.dim, dtype=torch.float64), []
    for sizes in problem.step_sizes(steps):
        for h in sizes:
            A = identity - h * problem.matrix
            mean, before = A @ mean, A @ covariance @ A.T
            covariance = before + h * problem.sigma**2 * identity
        found.append(EulerLaw((mean, covariance), (mean, before), math.sqrt(sizes[-1]) * problem.sigma))
    return found


@dataclass(frozen=True)
class ParticleEstimator(Estimator):
    """An estimator of p(x, t) from independent particles or paths; n estimates are n times as many of them, at once.

    Parameters:
        particles: N.
        steps: time steps of Euler–Maruyama up to the last time.
    """

    particles: PositiveInt = 1000
    steps: PositiveInt = 50

    @abstractmethod
    def densities(self, problem: EvolutionProblem, n: int, generator: torch.Generator) -> Tensor:
        """n independent estimates, (n, times, points)."""

    @final
    def estimate(self, problem: EvolutionProblem, generator: torch.Generator) -> Tensor:
        """One of them, (times, points)."""
        return self.densities(problem, 1, generator)[0]

    @final
    def draws(self, problem: EvolutionProblem, n: int, generator: torch.Generator) -> Tensor:
        """n of them, (n, times, points)."""
        return self.densities(problem, n, generator)
