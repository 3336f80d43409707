"""Denoising at many noise levels at once: noise-conditional score networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat, Unbiased
from estibench_score.contract import ScoreEstimator, on_gradients, same_levels
from estibench_score.score_field import ScoreField


@dataclass(frozen=True)
class DenoisingLadder(ScoreEstimator):
    """J = mean of w_l ½‖s(x + σ_l ε, σ_l) + ε/σ_l‖², each point with a level l of its own, w_l = σ_l²/mean σ².

    The weights are those of the paper, λ(σ) = σ², scaled to mean 1: the estimand is Σ σ_l² J(σ_l)/Σ σ_l². Networks are
    conditioned on log σ_l; other models ignore it, and are then pulled towards the laws of all levels.

    Parameters:
        sigmas: the levels σ_l, at least two.

    Cost: 1 evaluation. Normalisation: a weighted mean of J(σ_l), up to a constant.
    """

    sigmas: tuple[PositiveFloat, ...] = (0.1, 0.3, 1.0)

    denoises: ClassVar[bool] = True
    claims = (
        Unbiased(
            when=on_gradients(lambda problem, estimator: same_levels(problem, estimator.sigmas)),
            given="the estimand is about these noise levels",
        ),
        Cost("evaluation", lambda problem, estimator: 1, "1", when=on_gradients()),
        Cost("sweep", lambda problem, estimator: 1, "1", when=on_gradients()),
    )
    citation = "Song and Ermon 2019, Generative modeling by estimating gradients of the data distribution, equation 6."

    def __post_init__(self) -> None:
        if len(self.sigmas) < 2:
            raise ValueError("a ladder needs at least two noise levels; denoising takes one")

    @property
    def levels(self) -> tuple[float, ...]:
        return self.sigmas

    def loss(self, s: ScoreField, x: Tensor, generator: torch.Generator) -> Tensor:
        levels = torch.tensor(self.sigmas, device=x.device, dtype=x.dtype)
        chosen = torch.randint(len(self.sigmas), (x.shape[0], 1), generator=generator, device=x.device)
        sigma = levels[chosen]  # (batch, 1)
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        scaled = sigma * s(x + sigma * noise, sigma.log()) + noise
        return 0.5 * scaled.square().sum(-1).mean() / levels.square().mean()
