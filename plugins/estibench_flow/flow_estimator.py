"""What this plugin's estimators of log-densities share: one method for points and for training."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from estibench import ErrorBarEstimator, Fit
from estibench_flow.capabilities import HasLogDensity, HasNoiselessTwin
from estibench_flow.fit_problem import FlowFit
from estibench_flow.flow import Flow
from estibench_flow.flow_problem import FlowProblem


@dataclass(frozen=True)
class FlowEstimator(HasNoiselessTwin, HasLogDensity, ErrorBarEstimator):
    """An estimator of log-densities. It serves problems of log-densities and of training alike."""

    @property
    @abstractmethod
    def fixed(self) -> bool:
        """Whether steps are fixed in advance, so that many estimates, or training runs, may share one solve."""

    @abstractmethod
    def values(self, flow: Flow, x: Tensor, n: int, generator: torch.Generator) -> Tensor:
        """log p(x) in n independent estimates, each by k columns of equal right: x (..., m) → (n, k, ...)."""

    @final
    def estimate(self, problem: FlowProblem | FlowFit, generator: torch.Generator) -> Any:
        """The estimate alone, or a training run."""
        if not isinstance(problem, FlowFit):
            return self.estimate_with_error(problem, generator)[0]
        return problem.fit(self.log_density, generator)

    @final
    def draws(self, problem: FlowFit, n: int, generator: torch.Generator) -> Fit:
        """n training runs, side by side where that changes no step of any."""
        if self.fixed:
            return problem.fit(self.log_density, generator, runs=n)
        return Fit.together(problem.fit(self.log_density, generator) for _ in range(n))

    @final
    def estimate_with_error(self, problem: FlowProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimate, shaped like the truth, and its standard error."""
        values, errors = self.draws_with_error(problem, 1, generator)
        return values[0], errors[0]

    @final
    def draws_with_error(self, problem: FlowProblem, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """n of them, (n, *truth.shape)."""
        together = self.fixed or self == self.noiseless
        sizes = [n] if together else [1] * n
        values = torch.cat([self.values(problem.flow, problem.points, size, generator) for size in sizes])
        return self._mean_with_error(values)

    @final
    def log_density(self, flow: Flow, x: Tensor, generator: torch.Generator) -> Tensor:
        """The mean of its columns, (..., m) → (...)."""
        return self.values(flow, x, 1, generator)[0].mean(0)

    def _mean_with_error(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard error of k columns, (n, k, ...) → (n, ...).

        The error is that of the trace, and knows nothing of what the solver adds: 0 for an exact trace, NaN for one
        probe.
        """
        k = values.shape[1]
        mean = values.mean(1)
        if k > 1:
            return mean, values.std(1) / k**0.5
        return mean, torch.full_like(mean, 0.0 if self == self.noiseless else math.nan)
