"""The doubly reparameterised estimator of the gradient of the importance-weighted bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Cost, Exact, PositiveInt, ScalesAs, Unbiased, Variance
from estibench_evidence.bound import Bound
from estibench_evidence.elbo_gradient import ElboEstimator, is_gradient
from estibench_evidence.path_gradient import at_posterior, is_elbo, many_samples, through_path, variance_of_landing


def variance(problem: Any, estimator: DReG) -> Tensor | None:
    """That of sticking the landing, which it is for K = 1."""
    found = variance_of_landing(problem)
    return None if found is None else found / estimator.copies


@dataclass(frozen=True)
class DReG(ElboEstimator):
    """∇L_K ≈ Σ_k w̃_k² ∇_z log w(z_k) ∂z_k/∂(μ, λ), w̃ = w/Σw, z_k = μ + σε_k.

    The score of q in ∇_(μ,λ) log w = ∇_z log w ∂z/∂(μ, λ) − s has weights that depend on z, so it cannot be dropped as
    in sticking the landing; reparameterised a second time, −E w̃ s = −E (w̃ − w̃²) ∇_z log w ∂z/∂(μ, λ), since
    ∂w̃_k/∂log w_k = w̃_k − w̃_k². Weights of order 1/K² leave noise of order K^(−3/2) under a signal of order 1/K: their
    ratio grows as √K. For K = 1 it is sticking the landing.

    Parameters:
        copies: independent sets of K samples that are averaged.

    Cost: K evaluations with gradients for each copy, two sweeps each.
    """

    copies: PositiveInt = 1

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Exact(when=at_posterior, given="q is the posterior"),
        Variance(variance, "that of sticking the landing", when=is_elbo, given="K is 1"),
        Cost(
            "sweep",
            lambda problem, estimator: 2 * estimator.copies * problem.importance_samples * problem.points,
            "2K · copies for each gradient",
        ),
        ScalesAs(
            "relative_rmse",
            "problem_importance_samples",
            -0.5,
            tolerance=0.15,
            when=lambda problem, estimator: many_samples(problem, estimator) and not at_posterior(problem, estimator),
            given="K is 16 or more, and q not the posterior",
        ),
    )
    citation = "Tucker, Lawson, Gu and Maddison 2019, Doubly reparameterized gradient estimators, ICLR, equation 8."

    def gradient(self, bound: Bound, generator: torch.Generator) -> Tensor:
        noise, z = bound.sample((self.copies, bound.importance_samples), generator)
        log_w, score = bound.log_weight_and_score(z)
        weights = torch.softmax(log_w, 1)[..., None].square()
        return (weights * through_path(bound, noise, score + noise / bound.sigma)).sum(1).mean(0)
