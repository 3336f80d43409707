"""Underdamped (kinetic) Langevin dynamics by the BAOAB splitting."""

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

NO_NOISE = [[0.0, 0.0], [0.0, 0.0]]


class State(NamedTuple):
    """Position x, velocity v and the score at x: (chains, dim) each."""

    x: Tensor
    v: Tensor
    score: Tensor


def init(x: Tensor, score: Score, generator: torch.Generator) -> State:
    """Chains at x with velocities from N(0, I). One score evaluation."""
    return State(x, normal_like(x, generator), score(x))


def step(state: State, score: Score, h: float, friction: float, generator: torch.Generator) -> State:
    """B: v + ½h ∇ log p(x). A: x + ½h v. O: c v + √(1 − c²) ξ, c = e^−γh. A. B, at the new x. One evaluation."""
    c = math.exp(-friction * h)
    v = torch.add(state.v, state.score, alpha=h / 2)
    x = torch.add(state.x, v, alpha=h / 2)
    v = v.mul_(c).add_(normal_like(v, generator), alpha=math.sqrt(1 - c**2))
    x = x.add_(v, alpha=h / 2)
    slope = score(x)
    return State(x, v.add_(slope, alpha=h / 2), slope)


@dataclass(frozen=True)
class Underdamped(LinearSampler):
    """BAOAB for dx = v dt, dv = ∇ log p(x) dt − γ v dt + √(2γ) dW: unit mass and temperature.

    Velocities carry a chain over distances of 1/γ before they are forgotten, so it mixes in time ~ the width of the
    target, where overdamped chains need its square. The invariant law of x is second-order accurate in h, and exact on
    N(0, τ²) for every stable step, h < 2τ.

    Parameters:
        step_size: h, a time: in units of x. The overdamped step that goes as far is η = h²/2.
        friction: γ, per unit of time.

    Cost: one score evaluation per step, and one to begin with.
    """

    step_size: PositiveFloat = 0.3
    friction: PositiveFloat = 1.0

    claims = (
        *LinearSampler.claims,
        Cost("score_evaluation", lambda problem, estimator: estimator.steps + 1, "steps + 1"),
    )
    citation = "Leimkuhler and Matthews 2013, Rational construction of stochastic numerical methods (BAOAB)"

    def schedule(self) -> list[float]:
        return constant(self.step_size, self.steps)

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> State:
        return init(x, target.score, generator)

    def step(self, target: Target, state: State, h: float, generator: torch.Generator) -> State:
        return step(state, target.score, h, self.friction, generator)

    def normal_start(self, modes: Modes, mean: Tensor, variance: Tensor) -> Law:
        return independent([mean, 0.0], [variance, 1.0], len(mean))

    def normal_step(self, modes: Modes, h: float) -> Affine:
        """The five maps one after the other; only O adds noise, only B has an offset."""
        c = math.exp(-self.friction * h)
        pull = h / 2 / modes.variance
        kick = affine([[1.0, 0.0], [-pull, 1.0]], [0.0, pull * modes.mean], NO_NOISE)
        drift = affine([[1.0, h / 2], [0.0, 1.0]], [0.0, 0.0], NO_NOISE)
        friction = affine([[1.0, 0.0], [0.0, c]], [0.0, 0.0], [[0.0, 0.0], [0.0, 1 - c**2]])
        found = kick
        for after in (drift, friction, drift, kick):
            found = found.then(after)
        return found
