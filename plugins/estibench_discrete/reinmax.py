"""ReinMax: straight-through of second order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Bias, Cost, PositiveInt, Unbiased, Variance
from estibench_discrete.contract import GradientProblem, Memoryless, Objective, has_degree, is_plain, is_summed
from estibench_discrete.distribution import sample, softmax_vjp


def term(p: Tensor, z: Tensor, v: Tensor) -> Tensor:
    """One sample's estimate at z = e_b, ½ [p∘v + v_b e_b − v_b p − (pᵀv) e_b]."""
    own, mean = torch.linalg.vecdot(z, v)[..., None], torch.linalg.vecdot(p, v)[..., None]
    return (v - own).mul_(0.5 * p).addcmul_(z, 0.5 * (own - mean))  # in place: of K values there are K terms


def reinmax_bias(problem: GradientProblem, estimator: ReinMax) -> Tensor:
    """Mean of the terms − g, (batch, L, K)."""
    return problem.exact.estimand(problem.reference.mean_and_variance(term)[0]) - problem.truth


def reinmax_variance(problem: GradientProblem, estimator: ReinMax) -> Tensor:
    """Total variance of the terms over n, for each datum, (batch,)."""
    return problem.reference.mean_and_variance(term)[1] / estimator.samples


@dataclass(frozen=True)
class ReinMax(Memoryless):
    """(1/n) Σ_i [2 J((p + z_i)/2) − ½ J(p)] ∇f(z_i), z_i ~ Cat(p).

    Its mean replaces f(e_k) − f(e_j) by ½ (∇f(e_k) + ∇f(e_j))ᵀ(e_k − e_j), the trapezoidal rule (Heun's method) where
    straight-through has Euler's: exact for f that is quadratic in each z_l.

    Parameters:
        samples: n.

    Cost: n evaluations and n gradients.
    """

    samples: PositiveInt = 1

    claims = (
        Unbiased(when=lambda problem, estimator: has_degree(problem, 2), given="f is quadratic in each variable"),
        Bias(
            reinmax_bias,
            "trapezoidal rule − g",
            when=lambda problem, estimator: is_summed(problem),
            given="the gradient itself is wanted",
        ),
        Variance(
            reinmax_variance,
            "sum over all states",
            when=lambda problem, estimator: is_plain(problem),
            given="the gradient in the logits is wanted",
        ),
        Cost("evaluation", lambda problem, estimator: estimator.samples * problem.calls, "n for each gradient"),
    )
    citation = "Liu et al., Bridging discrete and backpropagation, NeurIPS 2023, Algorithm 2."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        p = torch.softmax(logits, -1)
        z = sample(p, self.samples, generator)
        v = objective.gradient(z)
        return (2 * softmax_vjp((p + z) / 2, v) - 0.5 * softmax_vjp(p, v)).mean(0)
