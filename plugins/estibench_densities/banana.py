"""The banana: a 2-D Gaussian bent along a parabola by a map of determinant one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from estibench import LaplacianDensity, PositiveFloat


@dataclass(frozen=True, kw_only=True)
class Banana(LaplacianDensity):
    """x₁ ~ N(0, a²), x₂ | x₁ ~ N(b(x₁² − a²), 1); mean 0, normalised. With y = x₂ − b(x₁² − a²)

        log p = −x₁²/2a² − ½y² − log 2πa,
        ∇ log p = (−x₁/a² + 2b x₁y, −y),
        Δ log p = −1/a² − 1 + 2by − 4b²x₁².

    Parameters:
        a: standard deviation along the bent axis.
        b: curvature.
    """

    a: PositiveFloat = 2.0
    b: PositiveFloat = 0.5

    citation: ClassVar[str] = (
        "Haario, Saksman and Tamminen 1999, Adaptive proposal distribution for random walk Metropolis algorithm"
    )

    def __post_init__(self) -> None:
        if self.dim != 2:
            raise ValueError(f"banana has dim 2, got {self.dim}; rosenbrock has more")

    def _height(self, x: Tensor) -> Tensor:
        """y, the height above the parabola: (..., 2) → (...)."""
        return x[..., 1] - self.b * (x[..., 0].square() - self.a**2)

    def log_prob(self, x: Tensor) -> Tensor:
        return -0.5 * ((x[..., 0] / self.a).square() + self._height(x).square()) - math.log(2 * math.pi * self.a)

    def score(self, x: Tensor) -> Tensor:
        y = self._height(x)
        return torch.stack([x[..., 0] * (2 * self.b * y - self.a**-2), -y], -1)

    def laplacian(self, x: Tensor) -> Tensor:
        return 2 * self.b * (self._height(x) - 2 * self.b * x[..., 0].square()) - self.a**-2 - 1

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        z = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        x_1 = self.a * z[:, 0]
        return torch.stack([x_1, z[:, 1] + self.b * (x_1.square() - self.a**2)], -1)

    @property
    def modes(self) -> Tensor:
        return torch.tensor([[0.0, -self.b * self.a**2]], dtype=torch.float64)

    @property
    def mean(self) -> Tensor:
        return torch.zeros(2, dtype=torch.float64)

    @property
    def covariance_matrix(self) -> Tensor:
        """Diagonal: x₁ is symmetric, and Var x₂ = 1 + b² Var x₁² = 1 + 2b²a⁴."""
        return torch.tensor([self.a**2, 1 + 2 * self.b**2 * self.a**4], dtype=torch.float64).diag()
