"""Hamiltonian (hybrid) Monte Carlo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat, PositiveInt, Reads
from estibench_sampling.contract import MetropolisSampler, constant
from estibench_sampling.mala import State, decided, init, square
from estibench_sampling.metropolis import stationary_acceptance
from estibench_sampling.normal import normal_like
from estibench_sampling.problem import Sampling
from estibench_sampling.target import Potential, Target


def step(state: State, target: Potential, h: float, leapfrogs: int, generator: torch.Generator) -> State:
    """Fresh velocities from N(0, I), so many leapfrog steps of size h, and a decision about the end point.

    As many score evaluations as leapfrog steps, and one of log p.
    """
    v = normal_like(state.x, generator)
    kinetic = square(v)
    v.add_(state.score, alpha=h / 2)
    y = torch.add(state.x, v, alpha=h)
    for _ in range(leapfrogs - 1):
        v.add_(target.score(y), alpha=h)
        y.add_(v, alpha=h)
    log_prob, score = target.log_prob_and_score(y)
    v.add_(score, alpha=h / 2)
    log_ratio = torch.sub(log_prob, state.log_prob).add_(kinetic, alpha=0.5).sub_(square(v), alpha=0.5)
    return decided(state, y, score, log_prob, log_ratio, generator)


def acceptance(problem: Sampling, estimator: Any) -> float | None:
    """Of an isotropic normal target."""
    return stationary_acceptance(problem, estimator.step_size, estimator.leapfrogs)


@dataclass(frozen=True)
class HMC(MetropolisSampler):
    """Hamilton's equations dx = v dt, dv = ∇ log p(x) dt by leapfrog steps, from v ~ N(0, I); accepted with probability
    min(1, e^−ΔH), H = ½‖v‖² − log p(x). Leaves p invariant. With one leapfrog step it is MALA of η = h²/2.

    The length of a trajectory is fixed: on a normal target one of half a period, πτ, only mirrors that coordinate.

    Parameters:
        steps: trajectories.
        step_size: h, a time: in units of x.
        leapfrogs: L, leapfrog steps of a trajectory.

    Cost: L score evaluations per trajectory and one of log p, and one of each to begin with.
    """

    step_size: PositiveFloat = 0.3
    leapfrogs: PositiveInt = 8

    claims = (
        *MetropolisSampler.claims,
        Reads("acceptance", acceptance, "2 F_{m,m}(1/b) of an isotropic normal target"),
        Cost("score_evaluation", lambda p, e: e.steps * e.leapfrogs + 1, "steps · L + 1"),
        Cost("log_prob_evaluation", lambda p, e: e.steps + 1, "steps + 1"),
    )
    citation = (
        "Duane, Kennedy, Pendleton and Roweth 1987, Hybrid Monte Carlo; Neal 2011, MCMC using Hamiltonian dynamics"
    )

    def schedule(self) -> list[float]:
        return constant(self.step_size, self.steps)

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> State:
        return init(x, target)

    def step(self, target: Target, state: State, h: float, generator: torch.Generator) -> State:
        return step(state, target, h, self.leapfrogs, generator)
