"""The log-determinant of a residual block to begin with: a power series with one random probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Cost, Estimator, Fit, PositiveInt
from estibench_flow import Block, HasLogDet, ResidualFit, ResidualProblem


@dataclass(frozen=True)
class Example(HasLogDet, Estimator):
    """log det(I + J) ≈ Σ_{k=1}^n (−1)^{k+1} vᵀJᵏv/k with one v ~ N(0, I) for each point. Biased by what is cut off.

    Parameters:
        terms: n. The series converges where the spectral radius of J is below 1.

    Cost: n VJPs.
    """

    terms: PositiveInt = 10

    claims = (
        Cost(
            "vjp",
            lambda problem, estimator: estimator.terms,
            "n",
            when=lambda problem, estimator: isinstance(problem, ResidualProblem),
        ),
    )
    citation = "Behrmann, Grathwohl, Chen, Duvenaud and Jacobsen 2019, Invertible residual networks, section 3.2."

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor | Fit:
        """The log-determinants, (batch,), or a training run."""
        if isinstance(problem, ResidualFit):
            return problem.fit(self.log_det, generator)
        return self.log_det(problem.block, generator)

    def log_det(self, block: Block, generator: torch.Generator) -> Tensor:
        """log|det(I + J)|, (..., m) → (...)."""
        _, pull_back = block.vjp()
        x = block.points
        v = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        power, total = v, x.new_zeros(x.shape[:-1])
        for k in range(1, self.terms + 1):
            power = pull_back(power[None])[0]
            total = total - (-1) ** k * (power * v).sum(-1) / k
        return total
