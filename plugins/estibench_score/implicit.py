"""Implicit score matching: integration by parts removes the unknown score."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, ScalesAs, Unbiased, Variance
from estibench_score.contract import ScoreEstimator, integrates_by_parts, on_gradients
from estibench_score.gaussian_theory import implicit_variance
from estibench_score.score_field import ScoreField


@dataclass(frozen=True)
class Implicit(ScoreEstimator):
    """J = mean [tr ∇s(x) + ½‖s(x)‖²], the trace exact.

    E[sᵀ∇log p] = −E[tr ∇s], so it is ½E‖s − ∇log p‖² − ½E‖∇log p‖². That needs a density without jumps: at the edge
    of an exponential law it lacks Σ_i λ E[s_i | x_i = 0]. (And a smooth s: a network with kinks loses what they carry.)

    Cost: 1 evaluation and m VJPs. Normalisation: J up to a constant.
    """

    claims = (
        Unbiased(when=on_gradients(integrates_by_parts), given="the density has no edge"),
        Variance(
            lambda problem, estimator: implicit_variance(problem),
            "fourth moments of normal vectors",
            when=on_gradients(),
            given="model and data are normal",
        ),
        Cost("vjp", lambda problem, estimator: problem.dim, "m", when=on_gradients()),
        Cost("sweep", lambda problem, estimator: problem.dim + 1, "m + 1", when=on_gradients()),
        ScalesAs("cost_vjp", "problem_dim", 1, when=on_gradients()),
    )
    citation = "Hyvärinen 2005, Estimation of non-normalized statistical models by score matching, theorem 1."

    def loss(self, s: ScoreField, x: Tensor, generator: torch.Generator) -> Tensor:
        value, divergence = s.with_divergence(x)
        return (divergence + 0.5 * value.square().sum(-1)).mean()
