"""The truncated power series of a log-determinant."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from estibench import Bias, Cost, Deterministic, NonNegativeInt, PositiveInt, ScalesAs, Variance
from estibench_flow.block import Block
from estibench_flow.block_estimator import BlockEstimator, of_points
from estibench_flow.residual_problem import ResidualProblem
from estibench_flow.series import LARGEST, coefficient, forms, partial_sums, quadratic_variance, trace_of
from estibench_flow.traces import TraceName, draw_probes, unit_vectors


def truncation(problem: ResidualProblem, estimator: PowerSeries) -> Tensor | None:
    """Σ_{k ≤ n} (−1)^{k+1} tr(J^k)/k − log|det(I + J)|, (batch,)."""
    if problem.dim > LARGEST:
        return None
    return trace_of(_sum(problem, estimator.terms)) - problem.truth


def variance(problem: ResidualProblem, estimator: PowerSeries) -> Tensor | float | None:
    """Hutchinson's with the truncated series as matrix, over k, (batch,); none with exact traces."""
    if estimator.trace == "exact":
        return 0.0
    if problem.dim > LARGEST:
        return None
    return quadratic_variance(_sum(problem, estimator.terms), estimator.trace) / estimator.probes


def _sum(problem: ResidualProblem, terms: int) -> Tensor:
    return next(islice(partial_sums(problem), terms - 1, None))


def _is_exact(problem: ResidualProblem, estimator: PowerSeries) -> bool:
    return of_points(problem, estimator) and estimator.trace == "exact"


def _is_random(problem: ResidualProblem, estimator: PowerSeries) -> bool:
    return of_points(problem, estimator) and estimator.trace != "exact"


@dataclass(frozen=True)
class PowerSeries(BlockEstimator):
    """log det(I + J) ≈ Σ_{k=1}^n (−1)^{k+1} tr(J^k)/k, for ‖J‖ < 1, with exact traces or vᵀJ^k v, E[vvᵀ] = I.

    Biased by what is cut off, at most −log(1 − ρ) · m ρⁿ or so for a spectral radius ρ.

    Parameters:
        terms: n.
        trace: exact (products with all unit vectors), or the noise of Hutchinson's probes.
        probes: their number k; 0 with exact traces.

    Cost: n·m or n·k VJPs. Error bar: the standard error over k ≥ 2 probes, without the truncation; 0 for exact traces.
    """

    terms: PositiveInt = 10
    trace: TraceName = "exact"
    probes: NonNegativeInt = 0

    claims = (
        Deterministic(when=_is_exact, given="traces are exact"),
        Bias(truncation, "the terms that are cut off", when=of_points),
        Variance(variance, "Hutchinson's for the truncated series", when=of_points),
        ScalesAs("variance", "estimator_probes", -1, when=_is_random, given="traces are estimated"),
        Cost(
            "vjp",
            lambda problem, estimator: estimator.terms * (estimator.probes or problem.dim),
            "terms · m, or terms · k",
            when=of_points,
        ),
    )
    citation = "Behrmann et al., Invertible residual networks, ICML 2019, equation 3 and algorithm 2."

    def __post_init__(self) -> None:
        if (self.trace == "exact") != (self.probes == 0):
            raise ValueError("probes go with a noise: give both, or neither for exact traces")

    @property
    def exact_traces(self) -> bool:
        return self.trace == "exact"

    def values(self, block: Block, n: int, generator: torch.Generator) -> Tensor:
        x = block.points
        weights = torch.tensor([coefficient(k) for k in range(1, self.terms + 1)], dtype=x.dtype, device=x.device)
        exact = self.exact_traces
        v = unit_vectors(x, 0, block.dim) if exact else draw_probes(x, n * self.probes, self.trace, generator)
        found = forms(block, v, torch.full((len(v),), self.terms, device=x.device), weights)
        if exact:
            total = found.sum(0)
            return total.expand(n, 1, *total.shape)
        return found.unflatten(0, (n, self.probes))
