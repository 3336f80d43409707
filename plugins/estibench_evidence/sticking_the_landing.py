"""Sticking the landing: the path derivative of the ELBO, without the score of q."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Cost, Exact, PositiveInt, ScalesAs, Unbiased, Variance
from estibench_evidence.bound import Bound, require_elbo
from estibench_evidence.elbo_gradient import ElboEstimator, is_gradient
from estibench_evidence.path_gradient import at_posterior, through_path, variance_of_landing


def variance(problem: Any, estimator: StickingTheLanding) -> Tensor | None:
    """Closed form where log w is quadratic, over S; 0 at the posterior."""
    found = variance_of_landing(problem)
    return None if found is None else found / estimator.samples


@dataclass(frozen=True)
class StickingTheLanding(ElboEstimator):
    """∇ELBO ≈ (1/S) Σ_i ∇_z log w(z_i) ∂z_i/∂(μ, λ), z_i = μ + σε_i: parameters within q are held fixed.

    What is left out is −∇_(μ,λ) log q(z) at fixed z, the score, whose mean is 0. With v = ∇_z log p + ε/σ it is
    (v, σεv). Where q is the posterior, w is constant in z and v = 0: no sample has any noise. The left-out term can
    also cancel noise: where q is narrower than the posterior by more than √2, pathwise has less.

    Parameters:
        samples: S.

    Cost: S gradients, two sweeps each.
    """

    samples: PositiveInt = 1

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Exact(when=at_posterior, given="q is the posterior"),
        Variance(variance, "closed form of a quadratic log w"),
        Cost("sweep", lambda problem, estimator: 2 * estimator.samples * problem.points, "2S for each gradient"),
        ScalesAs(
            "variance",
            "estimator_samples",
            -1,
            when=lambda problem, estimator: is_gradient(problem) and not at_posterior(problem, estimator),
            given="q is not the posterior",
        ),
    )
    citation = "Roeder, Wu and Duvenaud 2017, Sticking the landing, NeurIPS 30, equation 7."

    def gradient(self, bound: Bound, generator: torch.Generator) -> Tensor:
        require_elbo(bound)
        noise, z = bound.sample((self.samples,), generator)
        return through_path(bound, noise, bound.score(z) + noise / bound.sigma).mean(0)
