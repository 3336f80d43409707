"""DDIM and ancestral sampling: Euler's method for the probability flow, with as much noise as one likes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Le

from estibench import Cost
from estibench_sampling.contract import LinearSampler
from estibench_sampling.diffusion import Control, DiffusionSampler, State, converges
from estibench_sampling.normal import normal_like
from estibench_sampling.normal_laws import Affine, Modes, affine
from estibench_sampling.target import Target


@dataclass(frozen=True)
class DDIM(DiffusionSampler):
    """From level σ to τ < σ, with the denoised D = x + σ² ∇log p_σ(x):

        x' = D + √(τ² − s²) (x − D)/σ + s ξ,   s = η τ √(1 − τ²/σ²).

    η = 0 is DDIM: Euler's method for dx/dσ = (x − D)/σ, of order 1. η = 1 is the ancestral sampler of DDPM, with the
    variance of the posterior q(x_τ | x_σ, x_0): then √(τ² − s²) = τ²/σ. On N(μ, λ) a step multiplies x − μ by
    1 − σ(σ − √(τ² − s²))/(λ + σ²).

    Parameters:
        eta: η.

    Cost: one score evaluation per step.
    """

    eta: Annotated[float, Ge(0), Le(1)] = 0.0

    claims = (
        *LinearSampler.claims,
        converges(1),
        Cost("score_evaluation", lambda problem, estimator: estimator.steps, "steps"),
    )
    citation = (
        "Song, Meng and Ermon 2021, Denoising diffusion implicit models, equations 12 and 16; Ho, Jain and Abbeel "
        "2020, Denoising diffusion probabilistic models, equations 6 and 7"
    )
    examples = ({"steps": 8}, {"steps": 8, "eta": 1.0, "spacing": "vp"})

    @property
    def follows_the_flow(self) -> bool:
        return self.eta == 0

    def _noise(self, sigma: float, tau: float) -> tuple[float, float]:
        """s and √(τ² − s²)."""
        s = self.eta * tau * math.sqrt(1 - tau**2 / sigma**2)
        return s, math.sqrt(tau**2 - s**2)

    def step(self, target: Target, state: State, control: Control, generator: torch.Generator) -> State:
        sigma, tau = control
        s, kept = self._noise(sigma, tau)
        x = torch.add(state.x, target.noised_score(sigma)(state.x), alpha=sigma * (sigma - kept))
        return state._replace(x=x if s == 0 else x.add_(normal_like(x, generator), alpha=s))

    def normal_step(self, modes: Modes, control: Control) -> Affine:
        sigma, tau = control
        s, kept = self._noise(sigma, tau)
        pull = sigma * (sigma - kept) / modes.noised(sigma).variance
        return affine([[1 - pull]], [pull * modes.mean], [[s**2]])
