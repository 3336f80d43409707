"""A double well along one axis: the smallest problem with a barrier."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from estibench import LaplacianDensity, PositiveFloat
from estibench_densities.tabulated import Table, tabulate


@dataclass(frozen=True, kw_only=True)
class DoubleWell(LaplacianDensity):
    """Two equal wells at x₁ = ±a, a barrier of height h between them; the other m−1 coordinates u, m = dim,
    are standard normal:

        log p = −h((x₁/a)² − 1)² − ½‖u‖² − log Z,
        ∂₁ log p = −(4h/a²) x₁((x₁/a)² − 1),   ∇_u log p = −u,
        Δ log p = −(4h/a²)(3(x₁/a)² − 1) − (m−1).

    `log_prob` leaves out log Z, which is known by quadrature.

    Parameters:
        a: distance of the wells from the origin.
        h: height of the barrier, in units of kT.
    """

    a: PositiveFloat = 2.0
    h: PositiveFloat = 4.0

    citation: ClassVar[str] = "Noé, Olsson, Köhler and Wu 2019, Boltzmann generators"

    @cached_property
    def _first(self) -> Table:
        """The law of x₁, on the interval outside of which the density falls below e⁻⁵⁰."""
        end = self.a * math.sqrt(1 + math.sqrt(50 / self.h))
        return tabulate(lambda x_1: -self.h * ((x_1 / self.a).square() - 1).square(), -end, end)

    @property
    def log_normalizer(self) -> float:
        return self._first.log_mass + (self.dim - 1) / 2 * math.log(2 * math.pi)

    def log_prob(self, x: Tensor) -> Tensor:
        well = self.h * ((x[..., 0] / self.a).square() - 1).square()
        return -well - 0.5 * x[..., 1:].square().sum(-1)

    def score(self, x: Tensor) -> Tensor:
        x_1, u = x[..., :1], x[..., 1:]
        return torch.cat([-4 * self.h / self.a**2 * x_1 * ((x_1 / self.a).square() - 1), -u], -1)

    def laplacian(self, x: Tensor) -> Tensor:
        return -4 * self.h / self.a**2 * (3 * (x[..., 0] / self.a).square() - 1) - (self.dim - 1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        x_1 = self._first.sample((n, 1), generator)
        return torch.cat([x_1, torch.randn(n, self.dim - 1, generator=generator, dtype=torch.float64)], -1)

    @property
    def modes(self) -> Tensor:
        modes = torch.zeros(2, self.dim, dtype=torch.float64)
        modes[:, 0] = torch.tensor([-self.a, self.a])
        return modes

    @property
    def mean(self) -> Tensor:
        return torch.zeros(self.dim, dtype=torch.float64)

    @property
    def covariance_matrix(self) -> Tensor:
        variances = torch.ones(self.dim, dtype=torch.float64)
        variances[0] = self._first.moment(2)
        return variances.diag()
