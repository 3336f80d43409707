"""An estimator of p(x, t) to begin with: particles by Euler–Maruyama, and Gaussian kernels around them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, Estimator, PositiveFloat, PositiveInt
from estibench_sampling import EvolutionProblem


@dataclass(frozen=True)
class Example(Estimator):
    """p(x, t) ≈ (1/N) Σ_i N(x; X_i(t), b²I), the X_i by x' = x + h f(x) + √h g ξ. Biased by h and by b².

    Parameters:
        particles: N.
        steps: time steps up to the last time.
        bandwidth: b, in units of x.

    Cost: N updates per step.
    """

    particles: PositiveInt = 200
    steps: PositiveInt = 20
    bandwidth: PositiveFloat = 0.3

    claims = (Cost("update", lambda p, e: e.particles * p.count_steps(e.steps), "N · steps"),)
    citation = "Maruyama 1955, Continuous Markov processes; Silverman 1986, Density estimation."

    def estimate(self, problem: EvolutionProblem, generator: torch.Generator) -> Tensor:
        """The densities, (times, points)."""
        x, found = problem.starts((self.particles,), generator), []
        for sizes in problem.step_sizes(self.steps):  # those up to each of the times
            for h in sizes:
                noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
                x = x + h * problem.drift(x) + math.sqrt(h) * problem.diffusion * noise
            squares = (problem.points_placed[:, None] - x).square().sum(-1)  # (points, particles)
            found.append(torch.exp(-squares / (2 * self.bandwidth**2)).mean(-1))
        return torch.stack(found) / (2 * math.pi * self.bandwidth**2) ** (problem.dim / 2)
