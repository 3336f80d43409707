"""Straight-through: as if the sample were the probability."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Bias, Cost, PositiveInt, Unbiased, Variance
from estibench_discrete.contract import GradientProblem, Memoryless, Objective, has_degree, is_plain, is_summed
from estibench_discrete.distribution import sample, softmax_vjp


def term(p: Tensor, z: Tensor, v: Tensor) -> Tensor:
    """One sample's J(p) v, v = ∇f(z)."""
    return softmax_vjp(p, v)


def straight_through_bias(problem: GradientProblem, estimator: StraightThrough) -> Tensor:
    """J(p) E v − g, (batch, L, K): v = ∇f(z) where the exact gradient has differences of f."""
    return problem.exact.estimand(problem.reference.mean_and_variance(term)[0]) - problem.truth


def straight_through_variance(problem: GradientProblem, estimator: StraightThrough) -> Tensor:
    """(1/n) Σ_l tr J(p_l) Cov(v_l) J(p_l), for each datum, (batch,)."""
    return problem.reference.mean_and_variance(term)[1] / estimator.samples


@dataclass(frozen=True)
class StraightThrough(Memoryless):
    """(1/n) Σ_i J(p) ∇f(z_i), z_i ~ Cat(p): backward, the sample stands for its probabilities.

    The mean is J(p) E ∇f(z). Exact for multilinear f, where ∇_l f does not depend on z_l; biased otherwise.

    Parameters:
        samples: n.

    Cost: n evaluations and n gradients.
    """

    samples: PositiveInt = 1

    claims = (
        Unbiased(when=lambda problem, estimator: has_degree(problem, 1), given="the objective is multilinear"),
        Bias(
            straight_through_bias,
            "J(p) E∇f − g",
            when=lambda problem, estimator: is_summed(problem),
            given="the gradient itself is wanted",
        ),
        Variance(
            straight_through_variance,
            "sum over all states",
            when=lambda problem, estimator: is_plain(problem),
            given="the gradient in the logits is wanted",
        ),
        Cost("evaluation", lambda problem, estimator: estimator.samples * problem.calls, "n for each gradient"),
    )
    citation = "Bengio, Léonard, Courville, arXiv 1308.3432, 2013, section 4; Hinton's lectures, 2012."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        p = torch.softmax(logits, -1)
        v = objective.gradient(sample(p, self.samples, generator))
        return softmax_vjp(p, v).mean(0)
