"""The contracts of `elbo_gradient` and of training by such gradients: a bound, its problems and its estimators."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Estimator, PositiveInt, Problem
from estibench_evidence.bound import Bound
from estibench_evidence.quadratic import Quadratic


@dataclass(frozen=True, kw_only=True)
class ElboProblem(Problem):
    """A problem that uses gradients of bounds: it takes one, or trains with many.

    Parameters:
        importance_samples: K of the bound.
    """

    importance_samples: PositiveInt = 1

    @property
    def points(self) -> int:
        """At how many data one estimate takes gradients."""
        return 1

    @property
    def quadratic(self) -> Quadratic | None:
        """log w as a quadratic function of ε, in float64 on the CPU, for formulas of claims; None where it is none."""
        return None

    @abstractmethod
    def use(self, estimator: ElboEstimator, generator: torch.Generator) -> Any:
        """What the estimator's gradients lead to: an estimate of this problem."""


@dataclass(frozen=True, kw_only=True)
class ElboGradientProblem(ElboProblem, Bound):
    """∇_(μ, λ) L_K of a bound of log p(x) at one datum, of which the problem says μ, λ and log p(x | z), m = dim.

    The truth is ∂L/∂μ, then ∂L/∂λ: (2m,).
    """

    dim: PositiveInt = 4

    def use(self, estimator: ElboEstimator, generator: torch.Generator) -> Tensor:
        return estimator.gradient(self, generator)

    def prepare(self) -> None:
        self.log_weight_and_score(self.mu[None])


@dataclass(frozen=True)
class ElboEstimator(Estimator):
    """An estimator of a bound's gradient. It serves problems of gradients and of training alike."""

    @abstractmethod
    def gradient(self, bound: Bound, generator: torch.Generator) -> Tensor:
        """An estimate of ∂L/∂μ, then ∂L/∂λ, of each datum: (*data, 2m) for a bound whose μ is (*data, m).

        All but the last dimensions of what `bound` returns for k samples are (k, *data).
        """

    def estimate(self, problem: Any, generator: torch.Generator) -> Any:
        """What the problem makes of this estimator."""
        return problem.use(self, generator)


def is_gradient(problem: Any) -> bool:
    """Whether the problem asks for a gradient itself, which claims about bias and variance need."""
    return isinstance(problem, ElboGradientProblem)
