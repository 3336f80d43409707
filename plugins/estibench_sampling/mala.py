"""The Metropolis-adjusted Langevin algorithm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat, Reads
from estibench_sampling.contract import MetropolisSampler, constant
from estibench_sampling.metropolis import accept, stationary_acceptance
from estibench_sampling.normal import normal_like
from estibench_sampling.problem import Sampling
from estibench_sampling.target import Potential, Target


class State(NamedTuple):
    """x and the score there, (chains, dim); log p there and the number of accepted moves, (chains,)."""

    x: Tensor
    score: Tensor
    log_prob: Tensor
    accepted: Tensor


def init(x: Tensor, target: Potential) -> State:
    """Chains that start at x. One evaluation of the score and of log p."""
    log_prob, score = target.log_prob_and_score(x)
    return State(x, score, log_prob, torch.zeros_like(log_prob))


def step(state: State, target: Potential, eta: float, generator: torch.Generator) -> State:
    """A step of ULA, accepted with probability min(1, p(y) q(y, x) / p(x) q(x, y)). One evaluation of each.

    log q(x, y) = −‖y − x − η∇log p(x)‖²/4η; for the way there that is −½‖ξ‖².
    """
    x, score, log_prob, _ = state
    noise = normal_like(x, generator)
    y = torch.add(x, score, alpha=eta).add_(noise, alpha=math.sqrt(2 * eta))
    log_prob_y, score_y = target.log_prob_and_score(y)
    back = torch.sub(x, y).sub_(score_y, alpha=eta)
    log_ratio = torch.sub(log_prob_y, log_prob).add_(square(noise), alpha=0.5).sub_(square(back).div_(4 * eta))
    return decided(state, y, score_y, log_prob_y, log_ratio, generator)


def decided(
    state: State, y: Tensor, score: Tensor, log_prob: Tensor, log_ratio: Tensor, generator: torch.Generator
) -> State:
    """The state after a proposal y, with the score and log p there, accepted with probability min(1, e^log_ratio)."""
    moved = accept(log_ratio, generator)
    rows = moved[:, None]
    return State(
        torch.where(rows, y, state.x),
        torch.where(rows, score, state.score),
        torch.where(moved, log_prob, state.log_prob),
        state.accepted + moved,
    )


def square(x: Tensor) -> Tensor:
    """‖x‖² of each row."""
    return torch.linalg.vecdot(x, x)


def acceptance(problem: Sampling, estimator: Any) -> float | None:
    """A step of MALA is one leapfrog step of size √(2η) with a fresh velocity."""
    return stationary_acceptance(problem, math.sqrt(2 * estimator.step_size), 1)


@dataclass(frozen=True)
class MALA(MetropolisSampler):
    """y = x + η ∇ log p(x) + √(2η) ξ, accepted with probability min(1, p(y) q(y, x) / p(x) q(x, y)).

    Leaves p invariant, whatever η; with η too large hardly any move is accepted. The best rate for many dimensions is
    0.574, at η ~ m^−1/3. Needs log p up to a constant. On N(0, τ² I) the stationary rate is 2 F_{m,m}(1/b), see
    `acceptance_of_leapfrog`.

    Parameters:
        step_size: η, in units of x².

    Cost: one score and one log-density evaluation per step, and one of each to begin with.
    """

    step_size: PositiveFloat = 0.1

    claims = (
        *MetropolisSampler.claims,
        Reads("acceptance", acceptance, "2 F_{m,m}(1/b) of an isotropic normal target"),
        Cost("score_evaluation", lambda problem, estimator: estimator.steps + 1, "steps + 1"),
        Cost("log_prob_evaluation", lambda problem, estimator: estimator.steps + 1, "steps + 1"),
    )
    citation = (
        "Besag 1994, in the discussion of Grenander and Miller; "
        "Roberts and Rosenthal 1998, Optimal scaling of discrete approximations to Langevin diffusions"
    )

    def schedule(self) -> list[float]:
        return constant(self.step_size, self.steps)

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> State:
        return init(x, target)

    def step(self, target: Target, state: State, eta: float, generator: torch.Generator) -> State:
        return step(state, target, eta, generator)
