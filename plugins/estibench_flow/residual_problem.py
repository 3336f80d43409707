"""The contract of `log_det`: residual blocks x + g(x), and the log-determinants of their Jacobians."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import PositiveInt, Problem, count
from estibench_flow.traces import Jacobian

Residual = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class ResidualProblem(Problem):
    """log|det(I + J(x))| with J = ∂g/∂x at a batch of points, (batch,): what an invertible residual network adds to a
    log-density in each block.

    Parameters:
        dim: m.
        batch: number of points.
    """

    dim: PositiveInt = 16
    batch: PositiveInt = 8

    @property
    @abstractmethod
    def residual(self) -> Residual:
        """g: (..., dim) → (..., dim), each point by itself, on the problem's device in its dtype."""

    @cached_property
    def points(self) -> Tensor:
        """x, (batch, dim), standard normal."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        return self.place(torch.randn(self.batch, self.dim, generator=generator, dtype=torch.float64))

    def forward(self) -> tuple[Tensor, Tensor]:
        """g(x) with its graph, and x, for products with J. Counts one evaluation."""
        count("evaluation")
        x = self.points.detach().requires_grad_()
        with torch.enable_grad():
            return self.residual(x), x

    def prepare(self) -> None:
        self.residual(self.points)

    @cached_property
    def jacobians(self) -> Tensor:
        """J at every point, (batch, m, m), float64 on the CPU: for formulas, not for estimates."""
        g, x = self.at("cpu", "float64").forward()
        return Jacobian(x)(g, x, False).unflatten(-1, (self.dim, self.dim))

    @cached_property
    def spectral_radius(self) -> float:
        """The largest modulus of an eigenvalue of any J: the series of log det(I + J) converges where it is below 1."""
        return float(torch.linalg.eigvals(self.jacobians).abs().max())

    @property
    def magnitude(self) -> float:
        return float(self.truth.norm()) + (self.batch * self.dim) ** 0.5
