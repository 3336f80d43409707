"""The truncated power series of a log-determinant."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from estibench import Bias, Cost, Deterministic, ErrorBarEstimator, NonNegativeInt, PositiveInt, ScalesAs, Variance
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
    return estimator.trace == "exact"


def _is_random(problem: ResidualProblem, estimator: PowerSeries) -> bool:
    return estimator.trace != "exact"


@dataclass(frozen=True)
class PowerSeries(ErrorBarEstimator):
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
        Bias(truncation, "the terms that are cut off"),
        Variance(variance, "Hutchinson's for the truncated series"),
        ScalesAs("variance", "estimator_probes", -1, when=_is_random, given="traces are estimated"),
        Cost(
            "vjp",
            lambda problem, estimator: estimator.terms * (estimator.probes or problem.dim),
            "terms · m, or terms · k",
        ),
    )
    citation = "Behrmann et al., Invertible residual networks, ICML 2019, equation 3 and algorithm 2."

    def __post_init__(self) -> None:
        if (self.trace == "exact") != (self.probes == 0):
            raise ValueError("probes go with a noise: give both, or neither for exact traces")

    def estimate_with_error(self, problem: ResidualProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimates and their standard errors, (batch,) each."""
        values, errors = self.draws_with_error(problem, 1, generator)
        return values[0], errors[0]

    def draws_with_error(self, problem: ResidualProblem, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """n of them, (n, batch) each, in one pass."""
        x, m = problem.points, problem.dim
        weights = torch.tensor([coefficient(k) for k in range(1, self.terms + 1)], dtype=x.dtype, device=x.device)
        exact = self.trace == "exact"
        v = unit_vectors(x, 0, m) if exact else draw_probes(x, n * self.probes, self.trace, generator)
        values = forms(problem, v, torch.full((len(v),), self.terms, device=x.device), weights)
        if exact:
            found = values.sum(0).expand(n, -1)
            return found, torch.zeros_like(found)
        return spread(values.unflatten(0, (n, self.probes)))


def spread(values: Tensor) -> tuple[Tensor, Tensor]:
    """Means over k columns and their standard errors, (n, k, batch) → (n, batch); the errors are NaN for k = 1."""
    k, mean = values.shape[1], values.mean(1)
    return mean, values.std(1) / k**0.5 if k > 1 else torch.full_like(mean, float("nan"))
