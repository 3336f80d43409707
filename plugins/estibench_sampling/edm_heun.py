"""Heun's method for the probability flow, as in EDM."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from estibench import Cost
from estibench_sampling.contract import LinearSampler
from estibench_sampling.diffusion import Control, DiffusionSampler, State, converges
from estibench_sampling.normal_laws import Affine, Modes, affine
from estibench_sampling.target import Target


@dataclass(frozen=True)
class EDMHeun(DiffusionSampler):
    """dx/dσ = d_σ(x) = −σ ∇log p_σ(x) by Heun's method from level σ to τ:

        y = x + (τ − σ) d_σ(x),   x' = x + ½(τ − σ) (d_σ(x) + d_τ(y)),

    the last step, to 0, by Euler's. Order 2. On N(μ, λ), with a_σ = σ/(λ + σ²), a step multiplies x − μ by
    1 + ½(τ − σ)[a_σ + a_τ(1 + (τ − σ)a_σ)]. The paper's stochastic variant is not here.

    Cost: 2N − 1 score evaluations.
    """

    claims = (
        *LinearSampler.claims,
        converges(2),
        Cost("score_evaluation", lambda problem, estimator: 2 * estimator.steps - 1, "2 steps − 1"),
    )
    citation = (
        "Karras, Aittala, Aila and Laine 2022, Elucidating the design space of diffusion-based generative models, "
        "algorithm 1"
    )
    examples = ({"steps": 8},)

    def step(self, target: Target, state: State, control: Control, generator: torch.Generator) -> State:
        sigma, tau = control
        x, gap = state.x, tau - sigma
        slope = target.noised_score(sigma)(x).mul(-sigma)
        y = torch.add(x, slope, alpha=gap)
        if tau == 0:
            return state._replace(x=y)
        slope = slope - tau * target.noised_score(tau)(y)
        return state._replace(x=torch.add(x, slope, alpha=gap / 2))

    def normal_step(self, modes: Modes, control: Control) -> Affine:
        sigma, tau = control
        gap, first = tau - sigma, sigma / modes.noised(sigma).variance
        second = tau / modes.noised(tau).variance
        factor = 1 + gap * first if tau == 0 else 1 + gap / 2 * (first + second * (1 + gap * first))
        return affine([[factor]], [(1 - factor) * modes.mean], [[0.0]])
