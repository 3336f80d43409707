"""A gradient through categorical variables to begin with: the score function with a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from estibench import Cost, Unbiased
from estibench_discrete import Memoryless, Objective, is_gradient, sample


@dataclass(frozen=True)
class Example(Memoryless):
    """1/(n − 1) Σ_i (f(z_i) − f̄)(z_i − p) with independent z_i ~ Cat(p), p = softmax θ: the covariance of f and z.

    Unbiased, since ∇_θ E f = E[f (z − p)] = Cov(f, z).

    Parameters:
        samples: n, at least 2.

    Cost: n evaluations.
    """

    samples: Annotated[int, Ge(2)] = 4

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Cost("evaluation", lambda problem, estimator: estimator.samples * problem.calls, "n for each gradient"),
    )
    citation = "Williams 1992; Kool, van Hoof and Welling 2019, Buy 4 REINFORCE samples, get a baseline for free."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        p = torch.softmax(logits, -1)
        z = sample(p, self.samples, generator)
        f = objective.value(z)
        return ((f - f.mean(0))[..., None, None] * (z - p)).sum(0) / (self.samples - 1)
