"""Sequential Monte Carlo: annealed importance sampling whose particles are resampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Le
from torch import Tensor

from estibench import Cost
from estibench_evidence.log_normalizer import LogNormalizerProblem
from estibench_evidence.particles import (
    LOW_LOG,
    RATIO_VARIANCE,
    UNBIASED_RATIO,
    AnnealedEstimator,
    Stage,
    annealed_cost,
    average,
    stage,
)


@dataclass(frozen=True)
class SMC(AnnealedEstimator):
    """Ẑ = Π over stages of the average weight. A stage ends where ESS < threshold · N: particles are then chosen by
    their weights, and go on with equal ones.

    Unbiased, even where the weights decide when to choose: given the past, what is chosen has the weighted measure as
    its mean. Chosen at every temperature, variances of weights add up, Var(Ẑ/Z) = Π(1 + v_k/N) − 1 with exact
    transitions; never, which is AIS, they multiply: (Π(1 + v_k) − 1)/N.

    Parameters:
        particles: N.
        temperatures: K, β_k = k/K.
        transition: `exact` (fresh points of π_k, for normal targets) or `metropolis` (a random walk).
        moves: Metropolis moves at each temperature.
        step_size: of the walk, in units of the proposal's standard deviation.
        resampling: `multinomial`: N independent choices; `systematic`: one uniform number for N equally spaced ones.
        threshold: 1 resamples at every temperature, 0 at none.

    Cost: N (1 + (K − 1) · moves) evaluations; with exact transitions N K. Error bar: √Σ(1/ESS − 1/N) over stages, as if
    they were independent: too short where few moves leave the copies of a particle together.
    """

    resampling: Literal["multinomial", "systematic"] = "systematic"
    threshold: Annotated[float, Ge(0), Le(1)] = 1.0

    claims = (UNBIASED_RATIO, RATIO_VARIANCE, LOW_LOG, Cost("evaluation", annealed_cost, "N (1 + (K − 1) · moves)"))
    citation = "Del Moral, Doucet and Jasra 2006, Sequential Monte Carlo samplers, JRSS B 68(3), section 3.1.1."
    examples = (
        {"particles": 16, "temperatures": 4, "transition": "exact"},
        {"particles": 16, "temperatures": 3, "resampling": "multinomial", "threshold": 0.5},
    )

    def stages(self, problem: LogNormalizerProblem) -> tuple[Stage, ...] | None:
        if problem.law is None or not self.law_is_known(problem):
            return None
        K = self.temperatures
        starts = [k / K for k in range(K)]
        if self.threshold == 0:
            return (stage(problem.law, starts, 1 / K),)
        return tuple(stage(problem.law, [start], 1 / K) for start in starts) if self.threshold == 1 else None

    def averages(self, problem: LogNormalizerProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        K = self.temperatures
        x = problem.propose(self.particles, generator)
        U = problem.log_weight(x)
        log_w = U / K
        log_z, variance = torch.zeros_like(log_w[0]), torch.zeros_like(log_w[0])
        for k in range(1, K):
            if self.threshold:
                log_mean, spread = average(log_w)
                ends = 1 / (spread + 1 / self.particles) < self.threshold * self.particles  # the ESS
                chosen = self._choose(log_w, generator)
                x, U = torch.where(ends, x[chosen], x), torch.where(ends, U[chosen], U)
                log_z = log_z + torch.where(ends, log_mean, 0.0)
                variance = variance + torch.where(ends, spread, 0.0)
                log_w = torch.where(ends, 0.0, log_w)
            x, U = self.move(problem, x, U, k / K, generator)
            log_w = log_w + U / K
        log_mean, spread = average(log_w)
        return log_z + log_mean, variance + spread

    def _choose(self, log_w: Tensor, generator: torch.Generator) -> Tensor:
        """Indices of the particles that go on, (N,): where uniform numbers fall among the summed weights."""
        N = len(log_w)
        many = N if self.resampling == "multinomial" else 1
        u = torch.rand(many, generator=generator, device=generator.device, dtype=log_w.dtype)
        if self.resampling == "systematic":
            u = (torch.arange(N, device=log_w.device, dtype=log_w.dtype) + u) / N
        return torch.searchsorted(torch.softmax(log_w, 0).cumsum(0), u).clamp(max=N - 1)
