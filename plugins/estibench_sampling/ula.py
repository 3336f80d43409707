"""The unadjusted Langevin algorithm: one explicit Euler step of Langevin's equation after another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from estibench import Cost, NonNegativeFloat, PositiveFloat
from estibench_sampling.contract import LinearSampler, constant
from estibench_sampling.normal import normal_like
from estibench_sampling.normal_laws import Affine, Law, Modes, affine, independent
from estibench_sampling.target import Score, Target


class State(NamedTuple):
    """x: (chains, dim)."""

    x: Tensor


def init(x: Tensor) -> State:
    """Chains that start at x."""
    return State(x)


def step(state: State, score: Score, eta: float, generator: torch.Generator, temperature: float = 1.0) -> State:
    """x + η ∇ log p(x) + √(2ηT) ξ, ξ ~ N(0, I). One score evaluation."""
    if temperature == 0:
        return State(torch.add(state.x, score(state.x), alpha=eta))
    x = normal_like(state.x, generator)
    torch.add(state.x, x, alpha=math.sqrt(2 * eta * temperature), out=x)
    return State(x.add_(score(state.x), alpha=eta))


def normal_step(modes: Modes, eta: float, temperature: float = 1.0) -> Affine:
    """A step on a normal target of variances λ: x' = (1 − η/λ) x + ημ/λ + √(2ηT) ξ."""
    return affine([[1 - eta / modes.variance]], [eta * modes.mean / modes.variance], [[2 * eta * temperature]])


@dataclass(frozen=True)
class ULA(LinearSampler):
    """x_{k+1} = x_k + η ∇ log p(x_k) + √(2ηT) ξ_k,   ξ_k ~ N(0, I).

    The Euler–Maruyama scheme of dX = ∇ log p dt + √2 dW, which leaves p invariant. (With η = ε²/2 it is the step
    x + ½ε²∇ log p + ε ξ of the machine-learning literature.) The chain's own law is not p: on N(0, τ²) with T = 1 its
    variance tends to τ²/(1 − η/2τ²), and it diverges unless η < 2τ².

    Parameters:
        step_size: η, in units of x².
        temperature: T. 1 samples; below 1 the chains collapse towards the modes, at 0 they climb the gradient.

    Cost: one score evaluation per step.
    """

    step_size: PositiveFloat = 0.1
    temperature: NonNegativeFloat = 1.0

    claims = (
        *LinearSampler.claims,
        Cost("score_evaluation", lambda problem, estimator: estimator.steps, "steps"),
    )
    citation = (
        "Roberts and Tweedie 1996, Exponential convergence of Langevin distributions and their discrete approximations"
    )

    def schedule(self) -> list[float]:
        return constant(self.step_size, self.steps)

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> State:
        return init(x)

    def step(self, target: Target, state: State, eta: float, generator: torch.Generator) -> State:
        return step(state, target.score, eta, generator, self.temperature)

    def normal_start(self, modes: Modes, mean: Tensor, variance: Tensor) -> Law:
        return independent([mean], [variance], len(mean))

    def normal_step(self, modes: Modes, eta: float) -> Affine:
        return normal_step(modes, eta, self.temperature)
