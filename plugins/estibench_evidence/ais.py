"""Annealed importance sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Bias, Cost, Variance
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


def one_bias(problem: Any, estimator: AIS) -> float | None:
    """E log w − log Z = (1/K) Σ_k E_k U − log Z of one particle: minus the sum of KL(π_k ‖ π_{k+1})."""
    if estimator.particles > 1 or not estimator.law_is_known(problem):
        return None
    K = estimator.temperatures
    return sum(problem.law.moments(k / K)[0] for k in range(K)) / K - problem.law.log_z


def one_variance(problem: Any, estimator: AIS) -> float | None:
    """Var log w = (1/K²) Σ_k Var_k U of one particle."""
    if estimator.particles > 1 or not estimator.law_is_known(problem):
        return None
    K = estimator.temperatures
    return sum(problem.law.moments(k / K)[1] for k in range(K)) / K**2


@dataclass(frozen=True)
class AIS(AnnealedEstimator):
    """Ẑ = (1/N) Σ_i w_i, log w = (1/K) Σ_{k<K} U(x_k), x_0 ~ q, x_k from x_{k−1} by moves that keep π_k, β_k = k/K.

    Unbiased for every K and every transition that keeps its π_k, in equilibrium or not: run backwards from γ/Z, the
    path has a law whose density relative to the forward one is w/Z. Exact transitions make log w a sum of K independent
    terms; of one particle its mean and variance are those of U along the path, and Var log w ~ 1/K.

    Parameters:
        particles: N.
        temperatures: K. One of them is importance sampling.
        transition: `exact` (fresh points of π_k, for normal targets) or `metropolis` (a random walk).
        moves: Metropolis moves at each temperature.
        step_size: of the walk, in units of the proposal's standard deviation.

    Cost: N (1 + (K − 1) · moves) evaluations; with exact transitions N K. Error bar: √(1/ESS − 1/N).
    """

    claims = (
        UNBIASED_RATIO,
        RATIO_VARIANCE,
        LOW_LOG,
        Bias(one_bias, "−Σ KL(π_k ‖ π_{k+1}) for one particle with exact transitions"),
        Variance(one_variance, "Σ Var_k U/K² for one particle with exact transitions"),
        Cost("evaluation", annealed_cost, "N (1 + (K − 1) · moves)"),
    )
    citation = "Neal 2001, Annealed importance sampling, Statistics and Computing 11, 125–139."
    examples = (
        {"particles": 16, "temperatures": 4, "transition": "exact"},
        {"particles": 16, "temperatures": 3},
    )

    def stages(self, problem: LogNormalizerProblem) -> tuple[Stage, ...] | None:
        if problem.law is None or not self.law_is_known(problem):
            return None
        K = self.temperatures
        return (stage(problem.law, [k / K for k in range(K)], 1 / K),)

    def averages(self, problem: LogNormalizerProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        K = self.temperatures
        x = problem.propose(self.particles, generator)
        U = problem.log_weight(x)
        log_w = U / K
        for k in range(1, K):
            x, U = self.move(problem, x, U, k / K, generator)
            log_w = log_w + U / K
        return average(log_w)
