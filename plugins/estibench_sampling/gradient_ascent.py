"""Langevin dynamics without its noise: what a sampler must not do."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat
from estibench_sampling.contract import LinearSampler, constant
from estibench_sampling.normal_laws import Affine, Law, Modes, independent
from estibench_sampling.target import Target
from estibench_sampling.ula import State, init, normal_step, step


@dataclass(frozen=True)
class GradientAscent(LinearSampler):
    """x_{k+1} = x_k + η ∇ log p(x_k): Langevin dynamics whose noise was forgotten.

    Not a sampler: every chain ends in a mode, and the spread of a mode is lost. On N(0, τ²) the variance is
    (1 − η/τ²)^2k of its start.

    Parameters:
        step_size: η, in units of x².

    Cost: one score evaluation per step.
    """

    step_size: PositiveFloat = 0.1

    claims = (
        *LinearSampler.claims,
        Cost("score_evaluation", lambda problem, estimator: estimator.steps, "steps"),
    )
    citation = "Cauchy 1847, Méthode générale pour la résolution des systèmes d'équations simultanées."

    def schedule(self) -> list[float]:
        return constant(self.step_size, self.steps)

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> State:
        return init(x)

    def step(self, target: Target, state: State, eta: float, generator: torch.Generator) -> State:
        return step(state, target.score, eta, generator, temperature=0.0)

    def normal_start(self, modes: Modes, mean: Tensor, variance: Tensor) -> Law:
        return independent([mean], [variance], len(mean))

    def normal_step(self, modes: Modes, eta: float) -> Affine:
        return normal_step(modes, eta, temperature=0.0)
