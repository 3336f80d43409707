"""Explicit score matching: the oracle that knows the density's score."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, Unbiased, Variance
from estibench_score.contract import ScoreEstimator, on_gradients
from estibench_score.gaussian_theory import explicit_variance
from estibench_score.score_field import ScoreField


@dataclass(frozen=True)
class Explicit(ScoreEstimator):
    """J = ½ mean ‖s(x) − ∇log p(x)‖². Nobody has ∇log p; this shows the noise that minibatches alone make.

    Cost: 1 evaluation. Normalisation: J itself, 0 for a perfect fit.
    """

    claims = (
        Unbiased(when=on_gradients(), given="the estimate is a gradient"),
        Variance(
            lambda problem, estimator: explicit_variance(problem),
            "fourth moments of normal vectors",
            when=on_gradients(),
            given="model and data are normal",
        ),
        Cost("evaluation", lambda problem, estimator: 1, "1", when=on_gradients()),
        Cost("sweep", lambda problem, estimator: 1, "1", when=on_gradients()),
    )
    citation = "Hyvärinen 2005, Estimation of non-normalized statistical models by score matching, equation 2."

    def loss(self, s: ScoreField, x: Tensor, generator: torch.Generator) -> Tensor:
        return 0.5 * (s(x) - s.data_score(x)).square().sum(-1).mean()
