"""An estimator of a bound's gradient to begin with: the pathwise one, in antithetic pairs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, PositiveInt, Unbiased
from estibench_evidence import Bound, ElboEstimator, is_gradient, require_elbo


@dataclass(frozen=True)
class Example(ElboEstimator):
    """∇ELBO ≈ mean of (v, σεv + 1) over ε and −ε, v = ∇_z log p(x, z) at z = μ + σε.

    Each of both has the law of ε ~ N(0, I), so the mean is unbiased.

    Parameters:
        pairs: how many pairs are averaged.

    Cost: two gradients a pair, two sweeps each.
    """

    pairs: PositiveInt = 1

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Cost("sweep", lambda problem, estimator: 4 * estimator.pairs * problem.points, "4 · pairs for each gradient"),
    )
    citation = "Owen 2013, Monte Carlo theory, methods and examples, section 8.2."

    def gradient(self, bound: Bound, generator: torch.Generator) -> Tensor:
        require_elbo(bound)
        noise, _ = bound.sample((self.pairs,), generator)
        noise = torch.cat([noise, -noise])
        v = bound.score(bound.mu + bound.sigma * noise)
        return torch.cat([v, bound.sigma * noise * v + 1], -1).mean(0)
