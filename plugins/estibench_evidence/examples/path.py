"""An estimator of a bound's gradient to begin with: the pathwise one, in antithetic pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Cost, Estimator, PositiveInt, Unbiased, Unsupported


@dataclass(frozen=True)
class Example(Estimator):
    """∇ELBO ≈ mean of (v, σεv + 1) over ε and −ε, v = ∇_z log p(x, z) at z = μ + σε.

    Each of both has the law of ε ~ N(0, I), so the mean is unbiased.

    Parameters:
        pairs: how many pairs are averaged.

    Cost: two gradients a pair, two sweeps each.
    """

    pairs: PositiveInt = 1

    claims = (Unbiased(), Cost("sweep", lambda problem, estimator: 4 * estimator.pairs, "4 · pairs"))
    citation = "Owen 2013, Monte Carlo theory, methods and examples, section 8.2."

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        """The gradient, (2m,)."""
        if problem.importance_samples > 1:
            raise Unsupported("it estimates the gradient of the ELBO, of one importance sample")
        noise, _ = problem.sample((self.pairs,), generator)
        noise = torch.cat([noise, -noise])
        v = problem.score(problem.mu + problem.sigma * noise)
        return torch.cat([v, problem.sigma * noise * v + 1], -1).mean(0)
