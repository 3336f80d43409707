"""What estimators of log-determinants by random probes share: one method for points and for training."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from estibench import ErrorBarEstimator, Fit
from estibench_flow.block import Block
from estibench_flow.capabilities import HasLogDet
from estibench_flow.residual_fit import ResidualFit
from estibench_flow.residual_problem import ResidualProblem


def of_points(problem: Any, estimator: Any) -> bool:
    """Whether a claim is about log-determinants at points: of a training run nobody knows where it ends."""
    return isinstance(problem, ResidualProblem)


@dataclass(frozen=True)
class BlockEstimator(HasLogDet, ErrorBarEstimator):
    """An estimator of log-determinants. It serves problems of log-determinants and of training alike."""

    @abstractmethod
    def values(self, block: Block, n: int, generator: torch.Generator) -> Tensor:
        """log|det(I + J)| in n independent estimates, each by k columns of equal right: (n, k, ..., batch)."""

    @property
    def exact_traces(self) -> bool:
        """Whether nothing is random, so that the only column has a standard error of 0."""
        return False

    @final
    def estimate(self, problem: ResidualProblem | ResidualFit, generator: torch.Generator) -> Any:
        """The estimate alone, or a training run."""
        if isinstance(problem, ResidualFit):
            return problem.fit(self.log_det, generator)
        return self.estimate_with_error(problem, generator)[0]

    @final
    def draws(self, problem: ResidualFit, n: int, generator: torch.Generator) -> Fit:
        """n training runs, side by side."""
        return problem.fit(self.log_det, generator, runs=n)

    @final
    def log_det(self, block: Block, generator: torch.Generator) -> Tensor:
        """The mean of its columns, (..., batch)."""
        return self.values(block, 1, generator)[0].mean(0)

    @final
    def estimate_with_error(self, problem: ResidualProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimates and their standard errors, (batch,) each; the errors are NaN for one probe."""
        values, errors = self.draws_with_error(problem, 1, generator)
        return values[0], errors[0]

    def draws_with_error(self, problem: ResidualProblem, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """n of them, (n, batch) each, in one pass."""
        values = self.values(problem.block, n, generator)
        if self.exact_traces:
            return values[:, 0], torch.zeros_like(values[:, 0])
        return spread(values)


def spread(values: Tensor) -> tuple[Tensor, Tensor]:
    """Means over k columns and their standard errors, (n, k, batch) → (n, batch); the errors are NaN for k = 1."""
    k, mean = values.shape[1], values.mean(1)
    return mean, values.std(1) / k**0.5 if k > 1 else torch.full_like(mean, math.nan)
