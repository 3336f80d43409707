"""A sampler to begin with: the unadjusted Langevin algorithm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat
from estibench_sampling import Sampler, Target


class State(NamedTuple):
    """x: (chains, dim)."""

    x: Tensor


@dataclass(frozen=True)
class Example(Sampler):
    """x' = x + η ∇log p(x) + √(2η) ξ, ξ ~ N(0, I). The chain's own law is the target only as η → 0.

    Parameters:
        step_size: η, in units of x².

    Cost: one score evaluation per step.
    """

    step_size: PositiveFloat = 0.05

    claims = (Cost("score_evaluation", lambda problem, estimator: estimator.steps, "steps"),)
    citation = "Roberts and Tweedie 1996, Exponential convergence of Langevin distributions."

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> State:
        return State(x)

    def step(self, target: Target, state: State, control: Any, generator: torch.Generator) -> State:
        x = state.x
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        return State(x + self.step_size * target.score(x) + math.sqrt(2 * self.step_size) * noise)
