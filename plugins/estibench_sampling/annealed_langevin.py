"""Annealed Langevin dynamics: down a ladder of noise levels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat, PositiveInt
from estibench_sampling import ula
from estibench_sampling.contract import LinearSampler
from estibench_sampling.ladder import check, geometric
from estibench_sampling.normal_laws import Affine, Law, Modes, independent
from estibench_sampling.target import Target

Control = tuple[float, float]


@dataclass(frozen=True)
class AnnealedLangevin(LinearSampler):
    """At each of the levels σ_1 > … > σ_L in turn, an equal share of the steps of ULA on the density noised by σ_i:

        x + η_i ∇ log p_σi(x) + √(2η_i) ξ,   η_i = step_size · σ_i².

    Where the noise bridges the modes chains cross between them, and the levels below only sharpen what they found. (The
    paper's α_i is 2η_i, its ε is 2 · step_size · σ_L².) It samples p ∗ N(0, σ_L² I), not p.

    Parameters:
        steps: in all, at least one per level.
        step_size: η_i/σ_i², without units. Noise of σ_i bounds the curvature by 1/σ_i², so below 2 it is stable.
        sigma_max, sigma_min: σ_1 and σ_L, in units of x.
        levels: L.

    Cost: one score evaluation per step.
    """

    step_size: PositiveFloat = 0.25
    sigma_max: PositiveFloat = 10.0
    sigma_min: PositiveFloat = 0.1
    levels: PositiveInt = 10

    anneals = True
    claims = (
        *LinearSampler.claims,
        Cost("score_evaluation", lambda problem, estimator: estimator.steps, "steps"),
    )
    citation = "Song and Ermon 2019, Generative modeling by estimating gradients of the data distribution, algorithm 1"

    def __post_init__(self) -> None:
        check(self.sigma_max, self.sigma_min)
        if self.steps < self.levels:
            raise ValueError(f"{self.steps} steps are too few for {self.levels} levels")

    def schedule(self) -> list[Control]:
        """(σ, η) of each step."""
        ladder = geometric(self.sigma_max, self.sigma_min, self.levels)
        sigmas = (ladder[k * self.levels // self.steps] for k in range(self.steps))
        return [(sigma, self.step_size * sigma**2) for sigma in sigmas]

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> ula.State:
        return ula.init(x)

    def step(self, target: Target, state: ula.State, control: Control, generator: torch.Generator) -> ula.State:
        sigma, eta = control
        return ula.step(state, target.noised_score(sigma), eta, generator)

    def normal_start(self, modes: Modes, mean: Tensor, variance: Tensor) -> Law:
        return independent([mean], [variance], len(mean))

    def normal_step(self, modes: Modes, control: Control) -> Affine:
        sigma, eta = control
        return ula.normal_step(modes.noised(sigma), eta)
