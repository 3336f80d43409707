"""A diffusion run backwards by Euler–Maruyama."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat
from estibench_sampling import ula
from estibench_sampling.contract import LinearSampler
from estibench_sampling.ladder import BETA_MIN, RISE, check, geometric
from estibench_sampling.normal import normal_like
from estibench_sampling.normal_laws import Affine, Law, Modes, affine, independent
from estibench_sampling.predictor_corrector import normal_prediction, predict
from estibench_sampling.target import Target

LAST = 1e-3
Control = tuple[float, float]


@dataclass(frozen=True)
class ReverseSDE(LinearSampler):
    """dx = [f − g² ∇ log p_t(x)] dt + g dw̄ from t = 1 to 0 by Euler–Maruyama, with the exact score of every p_t.

    process `ve` (variance exploding): f = 0, g² = dσ²/dt; levels σ_1 > … > σ_N > 0 from x ~ N(0, σ_1² I), the steps
        x + (σ² − τ²) ∇ log p_σ(x) + √(σ² − τ²) ξ, the last one without noise.
    process `vp` (variance preserving): f = −½βx, g² = β(t) = 0.1 + 19.9 t; equal steps h from x ~ N(0, I) at t = 1 to
        t = 10⁻³: x + h[½βx + β ∇ log p_t(x)] + √(βh) ξ. There x_t = αx_0 + sε with α = exp(−½∫β), s² = 1 − α², and
        ∇ log p_t(x) = ∇ log p_{s/α}(x/α)/α, where p_σ is the density noised by σ.

    Parameters:
        steps: N.
        process: `ve` or `vp`. The latter expects data of about unit size.
        sigma_max, sigma_min: σ_1 and σ_N of `ve`, in units of x.

    Cost: one score evaluation per step.
    """

    process: Literal["ve", "vp"] = "ve"
    sigma_max: PositiveFloat = 10.0
    sigma_min: PositiveFloat = 0.05

    anneals = True
    claims = (
        *LinearSampler.claims,
        Cost("score_evaluation", lambda problem, estimator: estimator.steps, "steps"),
    )
    citation = (
        "Anderson 1982, Reverse-time diffusion equation models; Song et al. 2021, Score-based generative modeling "
        "through stochastic differential equations"
    )

    def __post_init__(self) -> None:
        check(self.sigma_max, self.sigma_min)

    def schedule(self) -> list[Control]:
        """`ve`: (σ, τ) of each step. `vp`: (t, h)."""
        if self.process == "ve":
            ladder = [*geometric(self.sigma_max, self.sigma_min, self.steps), 0.0]
            return list(pairwise(ladder))
        h = (1 - LAST) / self.steps
        return [(1 - h * k, h) for k in range(self.steps)]

    @property
    def _first(self) -> float:
        """Standard deviation of the start."""
        return self.schedule()[0][0] if self.process == "ve" else 1.0

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> ula.State:
        return ula.init(normal_like(x, generator).mul_(self._first))

    def step(self, target: Target, state: ula.State, control: Control, generator: torch.Generator) -> ula.State:
        if self.process == "ve":
            return predict(state, target, *control, generator)
        t, h = control
        alpha, sigma, rate = vp_level(t)
        slope = target.noised_score(sigma)(state.x / alpha)
        x = torch.add(state.x * (1 + h * rate / 2), slope, alpha=h * rate / alpha)
        return ula.State(x.add_(normal_like(x, generator), alpha=math.sqrt(h * rate)))

    def normal_start(self, modes: Modes, mean: Tensor, variance: Tensor) -> Law:
        return independent([0.0], [self._first**2], len(mean))

    def normal_step(self, modes: Modes, control: Control) -> Affine:
        if self.process == "ve":
            return normal_prediction(modes, *control)
        t, h = control
        alpha, sigma, rate = vp_level(t)
        variance = alpha**2 * modes.noised(sigma).variance
        gain = h * rate / variance
        return affine([[1 + h * rate / 2 - gain]], [gain * alpha * modes.mean], [[h * rate]])


def vp_level(t: float) -> tuple[float, float, float]:
    """α, s/α and β at time t of the variance-preserving process: x_t = αx_0 + sε."""
    alpha = math.exp(-0.25 * t**2 * RISE - 0.5 * t * BETA_MIN)
    return alpha, math.sqrt(1 / alpha**2 - 1), BETA_MIN + t * RISE
