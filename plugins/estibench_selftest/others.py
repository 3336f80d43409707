"""Right estimators for the quantities that `additive` leaves out: exact zeros, cosines, draws that are not finite."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from estibench import Estimator, Known, PositiveFloat, Unbiased, Unsupported, Variance
from estibench_selftest.constant import Constant


@dataclass(frozen=True)
class Dropout(Known, Estimator):
    """t_j B_j/q with independent B_j ~ Bernoulli(q): unbiased, total variance ‖t‖² (1 − q)/q, zeros 1 − q.

    Parameters:
        keep: q.
    """

    keep: PositiveFloat = 0.5

    claims = (
        Unbiased(),
        Variance(lambda p, e: float(p.truth.square().sum()) * (1 - e.keep) / e.keep, "‖t‖² (1 − q)/q"),
    )
    citation = "Everything about it follows from its definition."
    expected_failures: ClassVar = {"counts_its_work": "there is nothing in it to count"}

    @property
    def tails(self) -> str:
        return "two values"

    def known(self, problem: Constant, confidence: float) -> Mapping[str, float]:
        variance = float(problem.truth.square().sum()) * (1 - self.keep) / self.keep
        largest = float(problem.truth.max())
        return {
            "mse": variance,
            "variance": variance,
            "bias": 0.0,
            "mean_error": 0.0,
            "component_rmse_max": largest * math.sqrt((1 - self.keep) / self.keep),
            "zeros_fraction": 1 - self.keep,
        }

    def estimate(self, problem: Constant, generator: torch.Generator) -> Tensor:
        """The estimate, (components,)."""
        u = torch.rand(problem.components, generator=generator, dtype=problem.torch_dtype, device=generator.device)
        return torch.where(u < self.keep, problem.target / self.keep, 0.0)


@dataclass(frozen=True)
class Rotation(Known, Estimator):
    """Two components: t turned by an angle θ ~ N(0, s²).

    E cos θ = e^{−s²/2} =: c gives the mean c t, the cosine c, the mean squared error 2 ‖t‖² (1 − c) and the total
    variance ‖t‖² (1 − c²).

    Parameters:
        angle: s, radians.
    """

    angle: PositiveFloat = 0.5

    claims = (Variance(lambda p, e: float(p.truth.square().sum()) * -math.expm1(-(e.angle**2)), "‖t‖² (1 − c²)"),)
    citation = "Everything about it follows from its definition."
    expected_failures: ClassVar = {"counts_its_work": "there is nothing in it to count"}

    @property
    def tails(self) -> str:
        return "bounded"

    def known(self, problem: Constant, confidence: float) -> Mapping[str, float]:
        c, square = math.exp(-(self.angle**2) / 2), float(problem.truth.square().sum())
        return {
            "mse": 2 * square * (1 - c),
            "variance": square * (1 - c**2),
            "bias": math.sqrt(square) * (1 - c),
            "mean_error": (c - 1) * float(problem.truth.mean()),
            "component_bias_max": (1 - c) * float(problem.truth.max()),
            "cosine": c,
        }

    def estimate(self, problem: Constant, generator: torch.Generator) -> Tensor:
        """The estimate, (2,)."""
        if problem.components != 2:
            raise Unsupported("turns vectors of two components")
        angle = self.angle * torch.randn((), generator=generator, dtype=problem.torch_dtype, device=generator.device)
        x, y = problem.target[0], problem.target[1]
        return torch.stack([x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()])


@dataclass(frozen=True)
class SometimesNan(Known, Estimator):
    """NaN with probability p, else t.

    Parameters:
        probability: p.
    """

    probability: PositiveFloat = 0.1

    citation = "Everything about it follows from its definition."
    expected_failures: ClassVar = {"counts_its_work": "there is nothing in it to count"}

    @property
    def tails(self) -> str:
        return "two values"

    def known(self, problem: Constant, confidence: float) -> Mapping[str, float]:
        return {"not_finite_fraction": self.probability}

    def estimate(self, problem: Constant, generator: torch.Generator) -> Tensor:
        """The estimate, (components,)."""
        u = torch.rand((), generator=generator, dtype=problem.torch_dtype, device=generator.device)
        return torch.where(u < self.probability, torch.nan, problem.target)
