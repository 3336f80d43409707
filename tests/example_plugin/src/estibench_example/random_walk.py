"""A sampler as a pair of functions: random-walk Metropolis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat
from estibench_sampling import Kernel, KernelSampler, Target


class Walk(NamedTuple):
    """position: (chains, dim); log p there, (chains,)."""

    position: Tensor
    log_prob: Tensor


class Info(NamedTuple):
    """acceptance_rate: of each chain's proposal, (chains,)."""

    acceptance_rate: Tensor


def random_walk(log_prob: Callable[[Tensor], Tensor], scale: float) -> Kernel:
    """The kernel that proposes x + scale · ξ, ξ ~ N(0, I)."""

    def step(generator: torch.Generator, state: Walk) -> tuple[Walk, Info]:
        x = state.position
        proposed = x + scale * torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        log_prob_there = log_prob(proposed)
        log_ratio = log_prob_there - state.log_prob
        u = torch.rand(log_ratio.shape, generator=generator, device=x.device, dtype=x.dtype)
        moves = u.log() < log_ratio
        after = Walk(torch.where(moves[:, None], proposed, x), torch.where(moves, log_prob_there, state.log_prob))
        return after, Info(log_ratio.exp().clamp(max=1))

    return Kernel(lambda x: Walk(x, log_prob(x)), step)


@dataclass(frozen=True)
class RandomWalk(KernelSampler):
    """Moves to x + scale · ξ with probability min(1, p(x + scale · ξ)/p(x)). Needs no score; leaves p invariant.

    Parameters:
        scale: of a proposal, in units of x.

    Cost: one evaluation of log p per step, and one to begin with.
    """

    scale: PositiveFloat = 0.5

    claims = (
        Cost("log_prob_evaluation", lambda problem, estimator: estimator.steps + 1, "steps + 1"),
        Cost("score_evaluation", lambda problem, estimator: 0, "0"),
    )
    citation = "Metropolis, Rosenbluth, Rosenbluth, Teller and Teller 1953."

    def kernel(self, target: Target) -> Kernel:
        return random_walk(target.log_prob, self.scale)
