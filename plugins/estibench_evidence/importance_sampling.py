"""Importance sampling of a normaliser."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost
from estibench_evidence.log_normalizer import LogNormalizerProblem
from estibench_evidence.particles import (
    LOW_LOG,
    RATIO_VARIANCE,
    UNBIASED_RATIO,
    Stage,
    WeightedEstimator,
    average,
    stage,
)


@dataclass(frozen=True)
class ImportanceSampling(WeightedEstimator):
    """Ẑ = (1/N) Σ_i w(x_i) with w = γ/q and independent x_i ~ q; the estimate is log Ẑ.

    E Ẑ = ∫ q γ/q = Z. Var(Ẑ/Z) = (E(w/Z)² − 1)/N; of N(0, τ² I) under q = N(0, I) it is E(w/Z)² = (τ√(2 − τ²))^−m for
    τ² < 2, and infinite from there on, whatever N. By Jensen log Ẑ is too low, by about half of Var(Ẑ/Z).

    Parameters:
        particles: N.

    Cost: N evaluations. Error bar: √(1/ESS − 1/N).
    """

    claims = (
        UNBIASED_RATIO,
        RATIO_VARIANCE,
        LOW_LOG,
        Cost("evaluation", lambda problem, estimator: estimator.particles, "N"),
    )
    citation = (
        "Owen 2013, Monte Carlo theory, methods and examples, chapter 9; "
        "Kong, Liu and Wong 1994, Sequential imputations and Bayesian missing data problems (ESS)"
    )

    def stages(self, problem: LogNormalizerProblem) -> tuple[Stage, ...] | None:
        return None if problem.law is None else (stage(problem.law, [0.0], 1.0),)

    def averages(self, problem: LogNormalizerProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return average(problem.log_weight(problem.propose(self.particles, generator)))
