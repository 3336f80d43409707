"""A double control variate: leave-one-out REINFORCE with each sample linearised by the slopes at the others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from estibench import Cost, Exact, Unbiased, Variance
from estibench_discrete.contract import (
    DiscreteProblem,
    GradientProblem,
    Memoryless,
    Objective,
    has_degree,
    is_binary_single,
    is_gradient,
)
from estibench_discrete.differentiate import gradient_of_sum
from estibench_discrete.distribution import sample, softmax_vjp
from estibench_discrete.reference import some_states


def linearised(z: Tensor, f: Tensor, v: Tensor, p: Tensor, weight: float) -> Tensor:
    """The estimate, (batch, L, K), from n samples (n, batch, L, K), their f (n, batch) and ∇f, like z."""
    n, score = len(z), z - p
    others = (v.sum(0) - v) / (n - 1)
    rest = f - weight * (others * score).sum((-2, -1))
    advantage = (rest - rest.mean(0)) * (n / (n - 1))
    return (advantage[..., None, None] * score + weight * softmax_vjp(p, others)).mean(0)


def is_linear(problem: DiscreteProblem) -> bool:
    """Whether f is known to be linear in z: of degree 1 in its only variable."""
    return isinstance(problem, GradientProblem) and has_degree(problem, 1) and problem.logits.shape[-2] == 1


def double_control_variance(problem: GradientProblem, estimator: DoubleControl) -> float:
    """For a single coin: an estimate depends on how many of its samples are 1, and that is binomial."""
    n, exact = estimator.samples, problem.exact
    p = torch.softmax(exact.logits, -1)
    corners = some_states(slice(0, 2), p, 1)
    v, f = gradient_of_sum(exact.objective.function, corners)
    ones = torch.arange(n + 1)
    which = (torch.arange(n) < ones[:, None]).long()  # (n + 1, n)
    every = torch.stack([linearised(corners[row], f[row], v[row], p, estimator.weight) for row in which])
    counts = torch.tensor([math.comb(n, k) for k in ones.tolist()], dtype=torch.float64)
    law = (counts * p[0, 0, 1] ** ones * p[0, 0, 0] ** (n - ones))[:, None, None, None]
    return float((law * (every - (law * every).sum(0)).square()).sum())


@dataclass(frozen=True)
class DoubleControl(Memoryless):
    """With s_i = z_i − p, the mean v̄_i of the other samples' slopes ∇f(z_j), and r_i = f(z_i) − α v̄_iᵀ s_i,

        (1/n) Σ_i [(r_i − mean_{j≠i} r_j) s_i + α J(p) v̄_i].

    Leave-one-out REINFORCE of what is left of f when its linear part is taken out, whose gradient is known: given v̄_i,
    E (v̄_iᵀ s_i) s_i = J(p) v̄_i for each of the independent variables. The second control variate is the baseline's
    share: v̄_jᵀ s_j has mean 0 whatever z_i is, although v̄_j depends on it. Unbiased for every α. For linear f and α = 1
    every estimate is the gradient. ∇f is at the samples, so a relaxation of f matters for the variance only.

    Parameters:
        samples: n, at least 2.
        weight: α. The paper learns it; here it is given.

    Cost: n evaluations and n gradients.
    """

    samples: Annotated[int, Ge(2)] = 4
    weight: float = 1.0

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Exact(
            when=lambda problem, estimator: is_linear(problem) and estimator.weight == 1,
            given="f is linear, and α = 1",
        ),
        Variance(
            double_control_variance,
            "sum over the number of ones",
            when=lambda problem, estimator: is_binary_single(problem),
            given="one variable of two values",
        ),
        Cost("evaluation", lambda problem, estimator: estimator.samples * problem.calls, "n for each gradient"),
    )
    citation = "Titsias and Shi, Double control variates for gradient estimation, AISTATS 2022 (for binary z)."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        p = torch.softmax(logits, -1)
        z = sample(p, self.samples, generator)
        v, f = objective.gradient_and_value(z)
        return linearised(z, f, v, p, self.weight)
