"""Estimating a score from samples alone, without training a model."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from estibench import Density, Estimator, PositiveInt, Problem, Unsupported


@dataclass(frozen=True)
class SampleScoreEstimator(Estimator):
    """An estimator of ∇log p at points from samples of p."""

    @abstractmethod
    def scores(self, samples: Tensor, points: Tensor) -> Tensor:
        """Score estimates: samples (n, m), points (q, m) → (q, m). Deterministic."""

    @final
    def estimate(self, problem: SampleScoreProblem, generator: torch.Generator) -> Tensor:
        """From fresh samples, (q, m)."""
        return self.scores(problem.fresh_samples(1, generator)[0], problem.points)

    @final
    def draws(self, problem: SampleScoreProblem, n: int, generator: torch.Generator) -> Tensor:
        """n of them, (n, q, m), where `vmap` takes `scores`."""
        try:
            return torch.func.vmap(lambda x: self.scores(x, problem.points))(problem.fresh_samples(n, generator))
        except Unsupported:
            raise
        except Exception as error:  # vmap refuses in many ways; a loop will tell a real failure apart
            raise NotImplementedError(str(error)) from error


@dataclass(frozen=True, kw_only=True)
class SampleScoreProblem(Problem):
    """∇log p at fixed points, themselves samples of p. A draw is an estimate from `samples` fresh ones.

    Truth: the density's closed form, shape (points, m).

    Parameters:
        density: the law. It takes its dimension from `dim`.
        samples: n, from which an estimate is made.
        at_points: number of points.
    """

    density: Density
    dim: PositiveInt = 2
    samples: PositiveInt = 100
    at_points: PositiveInt = 32

    citation = "Li and Turner 2018, Gradient estimators for implicit models; Shi, Sun and Zhu 2018."
    examples = ({"density": "gaussian_mixture"},)

    @cached_property
    def exact_points(self) -> Tensor:
        """Where the score is wanted, (points, m), float64 on the CPU. Default: samples of the density."""
        return self.density.sample(self.at_points, torch.Generator().manual_seed(self.seed + 1))

    @cached_property
    def points(self) -> Tensor:
        """Where the score is wanted, (points, m)."""
        return self.place(self.exact_points)

    @cached_property
    def truth(self) -> Tensor:
        return self.density.at("cpu", "float64").score(self.exact_points)

    @property
    def truth_source(self) -> str:
        return "closed form"

    def prepare(self) -> None:
        _ = self.points

    def fresh_samples(self, n: int, generator: torch.Generator) -> Tensor:
        """n independent sets of samples, (n, samples, m)."""
        flat = self.density.sample(n * self.samples, self.host_stream(generator))
        return self.place(flat.reshape(n, self.samples, self.dim))
