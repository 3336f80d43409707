"""DPM-Solver++(2M): two steps of the denoised signal, one evaluation each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from estibench import Cost
from estibench_sampling.contract import LinearSampler
from estibench_sampling.diffusion import DiffusionSampler, converges
from estibench_sampling.normal_laws import Affine, Entry, Law, Modes, affine, independent
from estibench_sampling.target import Target

Control = tuple[float, float, float]


class TwoStep(NamedTuple):
    """As `State`, with the denoised signal of the step before, (chains, dim); zeros at first."""

    x: Tensor
    goal: Tensor | None
    denoised: Tensor


@dataclass(frozen=True)
class DPMSolver(DiffusionSampler):
    """With the denoised D = x + σ² ∇log p_σ(x), and D₋ the one at the level ρ before, a step from σ to τ is

        x' = (τ/σ) x + (1 − τ/σ) [(1 + c) D − c D₋],   c = log(σ/τ) / 2 log(ρ/σ):

    the exponential integrator in log σ, with D extrapolated linearly. Order 2 for one evaluation per step. The first
    step, and the last one, to 0, have c = 0, that is DDIM's step. On N(μ, λ) the pair (x, D) obeys a linear recursion:
    D = (λx + σ²μ)/(λ + σ²).

    Cost: one score evaluation per step.
    """

    claims = (
        *LinearSampler.claims,
        converges(2),
        Cost("score_evaluation", lambda problem, estimator: estimator.steps, "steps"),
    )
    citation = (
        "Lu, Zhou, Bao, Chen, Li and Zhu 2022, DPM-Solver++: fast solver for guided sampling of diffusion "
        "probabilistic models, algorithm 2"
    )
    examples = ({"steps": 8},)

    def schedule(self) -> list[Control]:
        """(σ, τ, c) of each step."""
        steps = super().schedule()
        found = [(*steps[0], 0.0)]
        for (rho, _), (sigma, tau) in pairwise(steps):
            c = 0.0 if tau == 0 else math.log(sigma / tau) / (2 * math.log(rho / sigma))
            found.append((sigma, tau, c))
        return found

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> TwoStep:
        first = super().start(target, x, generator)
        return TwoStep(first.x, first.goal, torch.zeros_like(first.x))

    def step(self, target: Target, state: TwoStep, control: Control, generator: torch.Generator) -> TwoStep:
        sigma, tau, c = control
        x = state.x
        D = torch.add(x, target.noised_score(sigma)(x), alpha=sigma**2)
        ahead = D if c == 0 else (1 + c) * D - c * state.denoised
        kept = tau / sigma
        return TwoStep(kept * x + (1 - kept) * ahead, state.goal, D)

    def normal_start(self, modes: Modes, mean: Tensor, variance: Tensor) -> Law:
        return independent([0.0, 0.0], [self.sigma_max**2, 0.0], len(mean))

    def normal_step(self, modes: Modes, control: Control) -> Affine:
        sigma, tau, c = control
        kept, gain = tau / sigma, modes.variance / modes.noised(sigma).variance
        ahead, shift = (1 - kept) * (1 + c), (1 - gain) * modes.mean
        A: list[list[Entry]] = [[kept + ahead * gain, -(1 - kept) * c], [gain, 0.0]]
        return affine(A, [ahead * shift, shift], [[0.0, 0.0], [0.0, 0.0]])
