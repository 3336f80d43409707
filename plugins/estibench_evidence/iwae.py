"""The pathwise estimator of the gradient of the importance-weighted bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Cost, PositiveInt, ScalesAs, Unbiased, Variance
from estibench_evidence.bound import Bound
from estibench_evidence.elbo_gradient import ElboEstimator, is_gradient
from estibench_evidence.path_gradient import entropy_gradient, is_elbo, many_samples, through_path, variance_of_score


def variance(problem: Any, estimator: IWAE) -> Tensor | None:
    """That of the pathwise estimator, which it is for K = 1."""
    found = variance_of_score(problem)
    return None if found is None else found / estimator.copies


@dataclass(frozen=True)
class IWAE(ElboEstimator):
    """∇L_K ≈ Σ_k w̃_k ∇_(μ,λ) log w(z_k), w̃ = w/Σw, z_k = μ + σε_k: the derivative of log (1/K) Σ_k w_k.

    A tighter bound is a worse signal: as K grows, w̃ ≈ 1/K and ∇L_K, which tends to 0 as 1/K, drowns in noise that falls
    as 1/√K. Its ratio to the noise falls as 1/√K.

    Parameters:
        copies: independent sets of K samples that are averaged.

    Cost: K evaluations with gradients for each copy, two sweeps each.
    """

    copies: PositiveInt = 1

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Variance(variance, "that of pathwise", when=is_elbo, given="K is 1"),
        Cost(
            "sweep",
            lambda problem, estimator: 2 * estimator.copies * problem.importance_samples * problem.points,
            "2K · copies for each gradient",
        ),
        ScalesAs(
            "relative_rmse",
            "problem_importance_samples",
            0.5,
            tolerance=0.15,
            when=many_samples,
            given="K is 16 or more",
        ),
    )
    citation = (
        "Burda, Grosse and Salakhutdinov 2016, Importance weighted autoencoders, equation 13; "
        "Rainforth et al. 2018, Tighter variational bounds are not necessarily better"
    )

    def gradient(self, bound: Bound, generator: torch.Generator) -> Tensor:
        noise, z = bound.sample((self.copies, bound.importance_samples), generator)
        log_w, score = bound.log_weight_and_score(z)
        weights = torch.softmax(log_w, 1)[..., None]
        return (weights * through_path(bound, noise, score)).sum(1).mean(0) + entropy_gradient(bound)
