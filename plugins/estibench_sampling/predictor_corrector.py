"""Predictor–corrector sampling of a variance-exploding diffusion run backwards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat
from estibench_sampling import ula
from estibench_sampling.contract import LinearSampler
from estibench_sampling.ladder import check, geometric
from estibench_sampling.normal import normal_like
from estibench_sampling.normal_laws import Affine, Law, Modes, affine, independent
from estibench_sampling.target import Target

Control = tuple[float, float]


@dataclass(frozen=True)
class PredictorCorrector(LinearSampler):
    """From x ~ N(0, σ_1² I), for each pair of neighbouring levels σ > τ of the ladder σ_1 > … > σ_N > 0 a step of the
    reversed diffusion, and one of Langevin dynamics at the level that it leads to:

        predictor:  x + (σ² − τ²) ∇ log p_σ(x) + √(σ² − τ²) ξ
        corrector:  x + η ∇ log p_τ(x) + √(2η) ξ,   η = 2r²τ².

    In the paper η = 2r²‖ξ‖²/‖∇ log p‖²; here it has the value that this takes where ∇ log p ≈ −ξ/τ, so that chains do
    not depend on each other. The last predictor leads to level 0, has no noise (Tweedie's formula) and no corrector.

    Parameters:
        steps: N, predictor steps.
        snr: r; 0.16 in the paper.
        sigma_max, sigma_min: σ_1 and σ_N, in units of x. What σ_1 does not cover of the data is an error of the start.

    Cost: 2N − 1 score evaluations.
    """

    snr: PositiveFloat = 0.16
    sigma_max: PositiveFloat = 10.0
    sigma_min: PositiveFloat = 0.05

    anneals = True
    claims = (
        *LinearSampler.claims,
        Cost("score_evaluation", lambda problem, estimator: 2 * estimator.steps - 1, "2 steps − 1"),
    )
    citation = (
        "Song, Sohl-Dickstein, Kingma, Kumar, Ermon and Poole 2021, Score-based generative modeling through stochastic "
        "differential equations, algorithm 2"
    )

    def __post_init__(self) -> None:
        check(self.sigma_max, self.sigma_min)

    def schedule(self) -> list[Control]:
        """(σ, τ) of each step."""
        ladder = [*geometric(self.sigma_max, self.sigma_min, self.steps), 0.0]
        return list(pairwise(ladder))

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> ula.State:
        return ula.init(normal_like(x, generator).mul_(self.schedule()[0][0]))

    def step(self, target: Target, state: ula.State, control: Control, generator: torch.Generator) -> ula.State:
        sigma, tau = control
        state = predict(state, target, sigma, tau, generator)
        if tau == 0:
            return state
        return ula.step(state, target.noised_score(tau), 2 * (self.snr * tau) ** 2, generator)

    def normal_start(self, modes: Modes, mean: Tensor, variance: Tensor) -> Law:
        return independent([0.0], [self.schedule()[0][0] ** 2], len(mean))

    def normal_step(self, modes: Modes, control: Control) -> Affine:
        sigma, tau = control
        predicted = normal_prediction(modes, sigma, tau)
        if tau == 0:
            return predicted
        return predicted.then(ula.normal_step(modes.noised(tau), 2 * (self.snr * tau) ** 2))


def predict(state: ula.State, target: Target, sigma: float, tau: float, generator: torch.Generator) -> ula.State:
    """One step of the reversed diffusion from level σ to τ < σ, without noise if τ = 0. One score evaluation."""
    gap = sigma**2 - tau**2
    x = torch.add(state.x, target.noised_score(sigma)(state.x), alpha=gap)
    return ula.State(x if tau == 0 else x.add_(normal_like(x, generator), alpha=math.sqrt(gap)))


def normal_prediction(modes: Modes, sigma: float, tau: float) -> Affine:
    """What `predict` does to each mode of a normal target."""
    gap, variance = sigma**2 - tau**2, modes.noised(sigma).variance
    return affine([[1 - gap / variance]], [gap * modes.mean / variance], [[gap if tau > 0 else 0.0]])
