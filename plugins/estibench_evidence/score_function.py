"""The score-function estimator (REINFORCE) of the ELBO's gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from estibench import Cost, PositiveInt, ScalesAs, Unbiased, Variance
from estibench_evidence.bound import Bound, require_elbo
from estibench_evidence.elbo_gradient import ElboEstimator, is_gradient


def variance(problem: Any, estimator: ScoreFunction) -> Tensor | None:
    """Closed form where log w is quadratic; see `Quadratic.variance_of_score_function`."""
    if problem.quadratic is None:
        return None
    found: Tensor = problem.quadratic.variance_of_score_function(estimator.samples, estimator.baseline != "none")
    return found


@dataclass(frozen=True)
class ScoreFunction(ElboEstimator):
    """∇ELBO ≈ (1/S) Σ_i f(z_i) s(z_i) with f = log w and s = ∇_(μ,λ) log q = (ε/σ, ε² − 1).

    As ∇E f = E f s + E ∇f, and E ∇f = −E s = 0. It needs no derivative of the model, and pays for it: adding a
    constant to f changes nothing in the mean and everything in the variance. Leaving one out, f_i is taken relative to
    the mean of the others, which is independent of s_i; that is the sample covariance of f and s.

    Parameters:
        samples: S.
        baseline: `none`; `leave_one_out`: (1/(S − 1)) Σ_i (f_i − f̄) s_i, for two samples and more.

    Cost: S evaluations.
    """

    samples: PositiveInt = 2
    baseline: Literal["none", "leave_one_out"] = "leave_one_out"

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Variance(variance, "closed form of a quadratic log w"),
        Cost("sweep", lambda problem, estimator: estimator.samples * problem.points, "S for each gradient"),
        ScalesAs(
            "variance",
            "estimator_samples",
            -1,
            when=lambda problem, estimator: is_gradient(problem) and estimator.baseline == "none",
            given="there is no baseline",
        ),
    )
    citation = (
        "Williams 1992; Ranganath, Gerrish and Blei 2014, Black box variational inference; "
        "Mnih and Rezende 2016, Variational inference for Monte Carlo objectives (leaving one out)"
    )

    def __post_init__(self) -> None:
        if self.baseline == "leave_one_out" and self.samples < 2:
            raise ValueError(f"leaving one out takes two samples or more, got {self.samples}")

    def gradient(self, bound: Bound, generator: torch.Generator) -> Tensor:
        require_elbo(bound)
        noise, z = bound.sample((self.samples,), generator)
        f = bound.log_weight(z)[..., None]
        s = torch.cat([noise / bound.sigma, noise.square() - 1], -1)
        if self.baseline == "none":
            return (f * s).mean(0)
        return ((f - f.mean(0)) * s).sum(0) / (self.samples - 1)
