"""The pathwise (reparameterised) estimator of the ELBO's gradient, with a sampled or an analytic KL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Cost, PositiveInt, ScalesAs, Unbiased, Variance
from estibench_evidence.bound import Bound, require_elbo
from estibench_evidence.elbo_gradient import ElboEstimator, is_gradient
from estibench_evidence.path_gradient import (
    entropy_gradient,
    through_path,
    variance_of_likelihood,
    variance_of_score,
)


def variance(problem: Any, estimator: Pathwise) -> Tensor | None:
    """Closed form where log w is quadratic, over S."""
    found = variance_of_likelihood(problem) if estimator.analytic_kl else variance_of_score(problem)
    return None if found is None else found / estimator.samples


@dataclass(frozen=True)
class Pathwise(ElboEstimator):
    """∇ELBO ≈ (1/S) Σ_i ∇_(μ,λ) log p(x, z_i) + ∇H, z_i = μ + σε_i: the derivative goes through the sample.

    ELBO = E log p(x, z) + H with the entropy H = Σλ + constant. In log w(z) along the path, log q = −½‖ε‖² − Σλ +
    constant varies with λ alone: no noise is added, though the KL is sampled. With v = ∇_z log p it is (v, σεv + 1).

    With the analytic KL the prior's part is no sample either: ELBO = E log p(x | z) − KL(q ‖ p),
    KL = ½ Σ(σ² + μ² − 1 − 2λ), of gradient (μ, σ² − 1). That does not always help: at the best μ the slopes of prior
    and likelihood cancel, and without the prior's the likelihood's is noise in ∂λ.

    Parameters:
        samples: S.
        analytic_kl: whether the KL is differentiated in closed form.

    Cost: S gradients, two sweeps each.
    """

    samples: PositiveInt = 1
    analytic_kl: bool = False

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Variance(variance, "closed form of a quadratic log w"),
        Cost("sweep", lambda problem, estimator: 2 * estimator.samples * problem.points, "2S for each gradient"),
        ScalesAs(
            "variance",
            "estimator_samples",
            -1,
            when=lambda problem, estimator: is_gradient(problem),
            given="the gradient itself is wanted",
        ),
    )
    citation = "Kingma and Welling 2014, Auto-encoding variational Bayes, equations 6 (sampled KL) and 7 (analytic)."
    examples = ({"samples": 2}, {"analytic_kl": True})

    def gradient(self, bound: Bound, generator: torch.Generator) -> Tensor:
        require_elbo(bound)
        noise, z = bound.sample((self.samples,), generator)
        if self.analytic_kl:
            kl = torch.cat([bound.mu, bound.sigma.square() - 1], -1)
            return through_path(bound, noise, bound.likelihood_score(z)).mean(0) - kl
        return through_path(bound, noise, bound.score(z)).mean(0) + entropy_gradient(bound)
