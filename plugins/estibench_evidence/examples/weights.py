"""An estimator of a normaliser to begin with: importance sampling in antithetic pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Cost, Estimator, PositiveInt, Reads


@dataclass(frozen=True)
class Example(Estimator):
    """log Ẑ with Ẑ = (1/2N) Σ_i [w(x_i) + w(−x_i)], w = γ/q and independent x_i ~ q.

    E Ẑ = Z, since the proposal is symmetric about 0.

    Parameters:
        pairs: N.

    Cost: 2N evaluations.
    """

    pairs: PositiveInt = 64

    claims = (
        Reads("ratio", lambda problem, estimator: 1.0, "1: Ẑ is unbiased"),
        Cost("evaluation", lambda problem, estimator: 2 * estimator.pairs, "2N"),
    )
    citation = "Owen 2013, Monte Carlo theory, methods and examples, sections 8.2 and 9.1."

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        """log Ẑ, (1,)."""
        x = problem.propose(self.pairs, generator)
        log_w = problem.log_weight(torch.cat([x, -x]))
        return log_w.logsumexp(0, keepdim=True) - math.log(2 * self.pairs)
