"""What this plugin's estimators of log-densities share: one method for points and for training."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from estibench import ErrorBarEstimator
from estibench_flow.capabilities import HasNoiselessTwin
from estibench_flow.fit_problem import FitProblem
from estibench_flow.flow import Flow
from estibench_flow.flow_problem import FlowProblem


@dataclass(frozen=True)
class FlowEstimator(HasNoiselessTwin, ErrorBarEstimator):
    """An estimator of log-densities. It serves problems of log-densities and of training alike."""

    @property
    @abstractmethod
    def fixed(self) -> bool:
        """Whether steps are fixed in advance, so that many estimates, or training runs, may share one solve."""

    @abstractmethod
    def values(self, flow: Flow, x: Tensor, n: int, generator: torch.Generator) -> Tensor:
        """log p(x) in n independent estimates, each by k columns of equal right: x (..., m) → (n, k, ...)."""

    @final
    def estimate_with_error(
        self, problem: FlowProblem | FitProblem, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The estimate, shaped like the truth, and its standard error; of a training run that is not known."""
        values, errors = self.draws_with_error(problem, 1, generator)
        return values[0], errors[0]

    @final
    def draws_with_error(
        self, problem: FlowProblem | FitProblem, n: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """n of them, (n, *truth.shape)."""
        if isinstance(problem, FitProblem):
            curves = self._curves(problem, n, generator)
            return curves, torch.full_like(curves, math.nan)
        together = self.fixed or self == self.noiseless
        sizes = [n] if together else [1] * n
        values = torch.cat([self.values(problem.flow, problem.points, size, generator) for size in sizes])
        return self._mean_with_error(values)

    def _curves(self, problem: FitProblem, n: int, generator: torch.Generator) -> Tensor:
        """n training runs, (n, checkpoints), side by side where that changes no step of any."""

        def log_density(flow: Flow, x: Tensor, generator: torch.Generator) -> Tensor:
            return self.values(flow, x, 1, generator)[0].mean(0)

        if self.fixed:
            return problem.train(log_density, generator, runs=n)
        return torch.stack([problem.train(log_density, generator) for _ in range(n)])

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
