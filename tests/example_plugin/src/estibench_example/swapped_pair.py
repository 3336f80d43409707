"""A gradient through categorical variables from a pair of samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, Unbiased
from estibench_discrete import Memoryless, Objective, is_gradient, sample


@dataclass(frozen=True)
class SwappedPair(Memoryless):
    """½ (f(z) − f(z′))(z − z′) with independent z, z′ ~ Cat(p), p = softmax θ.

    Unbiased: its mean is the covariance of f and z, which is ∇_θ E f. A constant in f drops out.

    Cost: 2 evaluations.
    """

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Cost("evaluation", lambda problem, estimator: 2 * problem.calls, "2 for each gradient"),
    )
    citation = "Kool, van Hoof and Welling 2019, Buy 4 REINFORCE samples, get a baseline for free."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        z = sample(torch.softmax(logits, -1), 2, generator)
        f = objective.value(z)
        return 0.5 * (f[0] - f[1])[:, None, None] * (z[0] - z[1])
