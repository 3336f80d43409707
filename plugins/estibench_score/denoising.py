"""Denoising score matching: regression on the noise that was added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from estibench import Bias, Cost, PositiveFloat, Unbiased, Variance
from estibench_score.contract import ScoreEstimator, integrates_by_parts, on_gradients, same_levels
from estibench_score.gaussian_theory import denoising_bias, denoising_variance
from estibench_score.score_field import ScoreField


@dataclass(frozen=True)
class Denoising(ScoreEstimator):
    """J = ½ mean ‖s(x + σε) + ε/σ‖², ε ~ N(0, I).

    Since E[−ε/σ | x + σε] = ∇log p_σ it equals ½E‖s − ∇log p_σ‖² plus a constant, for the law p_σ of x + σε: unbiased
    for the noised density, biased by O(σ²) for the clean one, and of variance ~ σ⁻² as σ → 0.

    Parameters:
        sigma: σ, in the units of x.
        reduction: `control_variate` subtracts s(x)ᵀε/σ, of mean zero, and ½‖ε‖²/σ², which no parameter touches: the
            variance stays bounded as σ → 0. `antithetic` averages over ε and −ε: bounded too, and in the limit sliced
            score matching with normal directions.

    Cost: 1 evaluation; with a reduction 2. Normalisation: J + ½m/σ² up to implicit score matching's constant; with the
    control variate J up to that constant.
    """

    sigma: PositiveFloat = 0.1
    reduction: Literal["none", "control_variate", "antithetic"] = "none"

    denoises: ClassVar[bool] = True
    claims = (
        Unbiased(
            when=on_gradients(lambda problem, estimator: same_levels(problem, (estimator.sigma,))),
            given="the estimand is about the density noised by σ",
        ),
        Bias(
            lambda problem, estimator: denoising_bias(problem, estimator.sigma),
            "(σ²P, 0) against the clean density",
            when=on_gradients(integrates_by_parts),
            given="the model is normal and the density has no edge",
        ),
        Variance(
            lambda problem, estimator: denoising_variance(problem, estimator.sigma, estimator.reduction),
            "fourth moments of normal vectors",
            when=on_gradients(),
            given="model and data are normal",
        ),
        Cost("evaluation", lambda problem, estimator: estimator.evaluations, when=on_gradients()),
        Cost("sweep", lambda problem, estimator: estimator.evaluations, when=on_gradients()),
    )
    citation = (
        "Vincent 2011, A connection between score matching and denoising autoencoders, equation 11; control variate: "
        "Wang et al. 2020, A Wasserstein minimum velocity approach to learning unnormalized models, section 3.2."
    )

    @property
    def evaluations(self) -> int:
        return 1 if self.reduction == "none" else 2

    def loss(self, s: ScoreField, x: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        step, target = self.sigma * noise, noise / self.sigma
        if self.reduction == "none":
            return 0.5 * (s(x + step) + target).square().sum(-1).mean()
        if self.reduction == "antithetic":
            plus, minus = s.several([x + step, x - step])
            return 0.25 * ((plus + target).square() + (minus - target).square()).sum(-1).mean()
        noised, clean = s.several([x + step, x])
        control = (clean * target).sum(-1) + 0.5 * target.square().sum(-1)
        return (0.5 * (noised + target).square().sum(-1) - control).mean()
