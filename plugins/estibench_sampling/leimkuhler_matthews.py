"""The Leimkuhler–Matthews scheme: the cost of ULA, one order more accurate in what it samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat
from estibench_sampling.contract import LinearSampler, constant
from estibench_sampling.normal import normal_like
from estibench_sampling.normal_laws import Affine, Law, Modes, affine, independent
from estibench_sampling.target import Score, Target


class State(NamedTuple):
    """x and the noise ξ that the next step uses again: (chains, dim) each."""

    x: Tensor
    noise: Tensor


def init(x: Tensor, generator: torch.Generator) -> State:
    """Chains that start at x, with their first noise."""
    return State(x, normal_like(x, generator))


def step(state: State, score: Score, eta: float, generator: torch.Generator) -> State:
    """x + η ∇ log p(x) + √(η/2) (ξ_k + ξ_{k+1}). One score evaluation."""
    noise = normal_like(state.x, generator)
    x = torch.add(state.x, state.noise, alpha=math.sqrt(eta / 2)).add_(noise, alpha=math.sqrt(eta / 2))
    return State(x.add_(score(state.x), alpha=eta), noise)


@dataclass(frozen=True)
class LeimkuhlerMatthews(LinearSampler):
    """x_{k+1} = x_k + η ∇ log p(x_k) + √(2η) ½(ξ_k + ξ_{k+1}),   ξ_k ~ N(0, I).

    Each noise is used twice, half of it at a time. The invariant law is second-order accurate in η, where that of ULA
    is first-order; on N(0, τ²) it is exact for every stable step, η < 2τ².

    Parameters:
        step_size: η, in units of x²; the diffusion is dX = ∇ log p dt + √2 dW, as for `ula`.

    Cost: one score evaluation per step.
    """

    step_size: PositiveFloat = 0.1

    claims = (
        *LinearSampler.claims,
        Cost("score_evaluation", lambda problem, estimator: estimator.steps, "steps"),
    )
    citation = (
        "Leimkuhler and Matthews 2013, Rational construction of stochastic numerical methods for molecular sampling"
    )

    def schedule(self) -> list[float]:
        return constant(self.step_size, self.steps)

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> State:
        return init(x, generator)

    def step(self, target: Target, state: State, eta: float, generator: torch.Generator) -> State:
        return step(state, target.score, eta, generator)

    def normal_start(self, modes: Modes, mean: Tensor, variance: Tensor) -> Law:
        return independent([mean, 0.0], [variance, 1.0], len(mean))

    def normal_step(self, modes: Modes, eta: float) -> Affine:
        a, half = 1 - eta / modes.variance, math.sqrt(eta / 2)
        return affine([[a, half], [0.0, 0.0]], [eta * modes.mean / modes.variance, 0.0], [[half**2, half], [half, 1.0]])
