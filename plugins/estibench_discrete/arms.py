"""ARMS: several binary samples at once, each pair of them antithetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from estibench import Cost, Unbiased, Variance
from estibench_discrete.contract import (
    GradientProblem,
    Memoryless,
    Objective,
    is_binary_single,
    is_gradient,
    require_binary,
)
from estibench_discrete.distribution import uniforms


def arms_variance(problem: GradientProblem, estimator: Arms) -> float:
    """Total variance for a single coin, with Δ = f(1) − f(0) and R samples of the rarer value:

        2Δ² Var[R(n − R)] / (n(n − 1)(1 − ρ))²

    The moments of R follow from the law of the copula: E R(R − 1)…(R − k + 1) = n(n − 1)…(n − k + 1) (1 − kx)₊^(n−1),
    the probability that k given samples exceed x, with (1 − x)^(n−1) = q.
    """
    known, n = problem.reference, estimator.samples
    p = known.p[0, 0]
    q = float(p.min())
    difference = float(known.gradient[0, 0, 1] / (p[0] * p[1]))
    x = 1 - q ** (1 / (n - 1))
    falling, factorial = 1.0, [1.0]
    for k in range(1, 5):
        falling *= n - k + 1
        factorial.append(falling * max(1 - k * x, 0) ** (n - 1))
    _, one, two, three, four = factorial
    mean = (n - 1) * one - two
    square = n**2 * (two + one) - 2 * n * (three + 3 * two + one) + four + 6 * three + 7 * two + one
    scale = difference * float(_weight(p.log().amin(), n)) / (n * (n - 1))
    return 2 * scale**2 * (square - mean**2)


@dataclass(frozen=True)
class Arms(Memoryless):
    """1/(n − 1) Σ_i (f(b_i) − f̄) b_i/(1 − ρ): the covariance of f and b, for samples that avoid each other.

    With d ~ Dirichlet(1, …, 1) for each variable, the rarer value, of probability q, is taken by the samples with
    d_i > x, (1 − x)^(n−1) = q. Each has the right law, and each pair the same correlation ρ ≤ 0,

        1 − ρ = (1 − (2 − q^(−1/(n−1)))₊^(n−1)) / (1 − q),

    least where rare values never coincide, q ≤ 2^(1−n). Two samples differ with probability 2q(1 − q)(1 − ρ) for
    independence's 2q(1 − q), hence the division; given that, the other variables do not matter. For n = 2 it is DisARM.

    Parameters:
        samples: n, at least 2.

    Cost: n evaluations.
    """

    samples: Annotated[int, Ge(2)] = 4

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Variance(
            arms_variance,
            "closed form",
            when=lambda problem, estimator: is_binary_single(problem),
            given="one variable of two values",
        ),
        Cost("evaluation", lambda problem, estimator: estimator.samples * problem.calls, "n for each gradient"),
    )
    citation = "Dimitriev and Zhou, ARMS: antithetic-REINFORCE-multi-sample gradient, ICML 2021 (Dirichlet copula)."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        require_binary(logits)
        n, log_p = self.samples, torch.log_softmax(logits, -1)
        log_q = log_p.amin(-1)
        waits = -torch.log(uniforms((n, *log_q.shape), logits, generator))
        rare = waits / waits.sum(0) > -torch.expm1(log_q / (n - 1))
        b = torch.where(log_p[..., 1] < log_p[..., 0], rare, ~rare)
        f = objective.value(torch.stack([~b, b], -1).to(logits.dtype))
        covariance = ((f - f.mean(0))[..., None] * b.to(f.dtype)).sum(0) / (n - 1)
        slope = _weight(log_q, n) * covariance
        return torch.stack([-slope, slope], -1)


def _weight(log_q: Tensor, n: int) -> Tensor:
    """1/(1 − ρ) from the logarithm of the rarer value's probability."""
    together = (2 - torch.exp(-log_q / (n - 1))).clamp(min=0) ** (n - 1)  # P(both rare | one is)
    return -torch.expm1(log_q) / (1 - together)
