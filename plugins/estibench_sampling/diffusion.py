"""What samplers of a diffusion model share: falling noise levels, a wide start, and how far they end from the flow."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from estibench import PositiveFloat, ScalesAs
from estibench_sampling.contract import LinearSampler
from estibench_sampling.ladder import Spacing, check, spaced
from estibench_sampling.normal import normal_like
from estibench_sampling.normal_laws import Law, Modes, independent
from estibench_sampling.target import Target

Control = tuple[float, float]


class State(NamedTuple):
    """Chains on their way down.

    Attributes:
        x: (chains, dim).
        goal: where the exact flow ends from the same start, (chains, dim); None where that is not known.
    """

    x: Tensor
    goal: Tensor | None


@dataclass(frozen=True)
class DiffusionSampler(LinearSampler):
    """A sampler that follows x_σ = x_0 + σε from σ_1 down to 0 on the exact score of every noised law.

    A variance-preserving process x_t = αx_0 + sε is the same in x_t/α with σ = s/α, and so are its samplers; only the
    spacing of the levels tells the two apart.

    Parameters:
        steps: N; levels σ_1 > … > σ_N, and a last step to 0.
        spacing: of the levels: karras (equal in σ^{1/7}), geometric (in log σ), vp (in the time of a
            variance-preserving process with linear β) or cosine (in arctan σ).
        sigma_max, sigma_min: σ_1 and σ_N, in units of x. Chains start in N(0, σ_1² I): what that does not cover of the
            data is an error that no step mends.

    Reading: `flow_error`, the root mean square distance of where chains end from where the exact probability flow takes
    the same starts, in units of x; for deterministic samplers on normal targets.
    """

    spacing: Spacing = "karras"
    sigma_max: PositiveFloat = 80.0
    sigma_min: PositiveFloat = 0.002

    anneals = True

    def __post_init__(self) -> None:
        check(self.sigma_max, self.sigma_min)

    @property
    def follows_the_flow(self) -> bool:
        """Whether it is deterministic, given its start."""
        return True

    def schedule(self) -> list[Any]:
        """(σ, τ) of each step; the last τ is 0."""
        return list(pairwise([*spaced(self.spacing, self.sigma_max, self.sigma_min, self.steps), 0.0]))

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> Any:
        start = normal_like(x, generator).mul_(self.sigma_max)
        goal = target.end_of_flow(start, self.sigma_max) if self.follows_the_flow else None
        return State(start, goal)

    def report(self, state: Any) -> dict[str, Tensor]:
        if state.goal is None:
            return {}
        return {"flow_error": (state.x - state.goal).square().sum(-1).mean().sqrt()}

    def normal_start(self, modes: Modes, mean: Tensor, variance: Tensor) -> Law:
        return independent([0.0], [self.sigma_max**2], len(mean))


def converges(order: int) -> ScalesAs:
    """flow_error ~ steps^−order: a claim about deterministic samplers on normal targets, where errors are small enough
    for the leading term. Levels in arctan σ are left out: there the error changes its sign on the way.
    """

    def applies(problem: Any, sampler: Any) -> bool:
        small = sampler.steps >= 32 and sampler.spacing != "cosine"
        return problem.normal_modes is not None and sampler.follows_the_flow and small

    return ScalesAs(
        "reading_flow_error",
        "estimator_steps",
        -order,
        tolerance=0.25,
        when=applies,
        given="the target is normal, from 32 steps on",
    )
