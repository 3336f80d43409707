"""The contract of `log_density`: a flow, and points at which its log-density is known."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import torch
from torch import Tensor

from estibench import ErrorBarEstimator, PositiveFloat, PositiveInt, Problem
from estibench_flow.field import Dynamics
from estibench_flow.flow import Flow, standard_normal


@dataclass(frozen=True)
class FlowEstimator(ErrorBarEstimator):
    """An estimator of log-densities. It serves problems of log-densities and of training alike."""

    @property
    @abstractmethod
    def noiseless(self) -> FlowEstimator:
        """The same with an exact trace: what is left of its error then is the solver's."""

    @property
    @abstractmethod
    def fixed(self) -> bool:
        """Whether steps are fixed in advance, so that many estimates may share one solve."""

    @abstractmethod
    def values(self, flow: Flow, x: Tensor, n: int, generator: torch.Generator, differentiable: bool = False) -> Tensor:
        """log p(x) in n independent estimates, each by k columns of equal right: x (..., m) → (n, k, ...)."""

    @final
    def estimate_with_error(self, problem: Any, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """What the problem makes of it, and its standard error, both shaped like the truth."""
        values, errors = problem.use(self, 1, generator)
        return values[0], errors[0]

    @final
    def draws_with_error(self, problem: Any, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """n of them, (n, *truth.shape)."""
        found: tuple[Tensor, Tensor] = problem.use(self, n, generator)
        return found


@dataclass(frozen=True, kw_only=True)
class FlowProblem(Problem):
    """log p(x) in nats at a batch of points under a flow (`estibench_flow.flow`), (batch,).

    The error of an estimate splits exactly into three terms, each a column with its mean absolute value over points:
    `error_solver` (the same solver with an exact trace, against the exact flow to the same prior), `error_trace_noise`
    (the estimate against the same solver with an exact trace) and `error_prior_mismatch` (the prior against p_T, at the
    end of the exact flow).

    Parameters:
        dim: of x.
        batch: points that are integrated together.
        time: T.
    """

    dim: PositiveInt = 8
    batch: PositiveInt = 16
    time: PositiveFloat = 1.0

    @property
    @abstractmethod
    def dynamics(self) -> Dynamics:
        """f(t, z), z (..., dim), on the problem's device in its dtype."""

    @cached_property
    def exact_points(self) -> Tensor:
        """x, (batch, dim), float64 on the CPU. Default: standard normal."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        return torch.randn(self.batch, self.dim, generator=generator, dtype=torch.float64)

    @cached_property
    def points(self) -> Tensor:
        """x, (batch, dim)."""
        return self.place(self.exact_points)

    def log_prior(self, z: Tensor) -> Tensor:
        """log of the density that estimators take p_T for. Default: N(0, I)."""
        return standard_normal(z)

    @property
    def skew(self) -> bool:
        """Whether ∂f/∂z is known to be skew, so that vᵀJv = 0 for every probe. Default: no."""
        return False

    @property
    def prior_mismatch(self) -> Tensor:
        """log prior − log p_T at the end of the exact flow, (batch,), float64. Default: 0."""
        return torch.zeros(self.batch, dtype=torch.float64)

    @cached_property
    def flow(self) -> Flow:
        """What estimators integrate."""
        return Flow(self.dynamics, self.time, self.log_prior)

    def prepare(self) -> None:
        _ = self.points
        self.flow.dynamics(self.place(torch.zeros((), dtype=torch.float64)), self.points)

    def use(self, estimator: FlowEstimator, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """n estimates and their standard errors, (n, batch) each."""
        if n == 1 or estimator.fixed or estimator == estimator.noiseless:
            return mean_with_error(estimator, estimator.values(self.flow, self.points, n, generator))
        singles = [estimator.values(self.flow, self.points, 1, generator) for _ in range(n)]
        return mean_with_error(estimator, torch.cat(singles))

    def errors(self, estimate: Tensor, estimator: FlowEstimator) -> Mapping[str, Tensor]:
        """The three parts of an estimate's error, mean absolute values over points, in nats."""
        noiseless = self.noiseless(estimator)
        noise = estimate.detach().to(device="cpu", dtype=torch.float64) - noiseless
        return {
            "solver": (noiseless - self.truth - self.prior_mismatch).abs().mean(),
            "trace_noise": noise.abs().mean(),
            "prior_mismatch": self.prior_mismatch.abs().mean(),
        }

    def noiseless(self, estimator: FlowEstimator) -> Tensor:
        """What the estimator's solver makes of the points with an exact trace, (batch,), float64 on the CPU."""
        exact = estimator.noiseless
        if exact not in self._noiseless:
            values = exact.values(self.flow, self.points, 1, torch.Generator(self.device))[0, 0]
            self._noiseless[exact] = values.to(device="cpu", dtype=torch.float64)
        return self._noiseless[exact]

    @cached_property
    def _noiseless(self) -> dict[FlowEstimator, Tensor]:
        return {}


def mean_with_error(estimator: FlowEstimator, values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard error of k columns, (n, k, ...) → (n, ...).

    The error is that of the trace, and knows nothing of what the solver adds: 0 for an exact trace, NaN for one probe.
    """
    k = values.shape[1]
    mean = values.mean(1)
    if k > 1:
        return mean, values.std(1) / k**0.5
    return mean, torch.full_like(mean, 0.0 if estimator == estimator.noiseless else math.nan)
