"""Many wells: 2^(dim/2) modes of unequal weight, and still a known normaliser."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from estibench import LaplacianDensity
from estibench_densities.tabulated import Table, tabulate

REACH = 5.0
"""Beyond ±REACH a well's density is below e⁻⁴⁷⁰."""


@dataclass(frozen=True, kw_only=True)
class ManyWell(LaplacianDensity):
    """dim/2 independent pairs (a, b) = (x₁, x₂), (x₃, x₄), …, an uneven double well in a and a normal in b:

        log p = Σ_pairs (−a⁴ + 6a² + ½a − ½b²) − log Z,
        ∂_a log p = −4a³ + 12a + ½,   ∂_b log p = −b,
        Δ log p = Σ_pairs (−12a² + 12 − 1).

    `log_prob` leaves out log Z, which is known by quadrature: 164.6957 for dim 32.
    """

    citation: ClassVar[str] = (
        "Noé, Olsson, Köhler and Wu 2019, Boltzmann generators; "
        "Midgley et al. 2023, Flow annealed importance sampling bootstrap"
    )

    def __post_init__(self) -> None:
        if self.dim % 2:
            raise ValueError(f"many_well needs an even dim, got {self.dim}")

    @cached_property
    def _well(self) -> Table:
        """The law of a."""
        return tabulate(lambda a: -(a**4) + 6 * a.square() + 0.5 * a, -REACH, REACH)

    @property
    def log_normalizer(self) -> float:
        return self.dim / 2 * (self._well.log_mass + 0.5 * math.log(2 * math.pi))

    def log_prob(self, x: Tensor) -> Tensor:
        a, b = x[..., 0::2], x[..., 1::2]
        return (a * (a * (6 - a.square()) + 0.5) - 0.5 * b.square()).sum(-1)

    def score(self, x: Tensor) -> Tensor:
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([4 * a * (3 - a.square()) + 0.5, -b], -1).flatten(-2)

    def laplacian(self, x: Tensor) -> Tensor:
        return -12 * x[..., 0::2].square().sum(-1) + 11 * self.dim / 2

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        a = self._well.sample((n, self.dim // 2), generator)
        b = torch.randn(n, self.dim // 2, generator=generator, dtype=torch.float64)
        return torch.stack([a, b], -1).flatten(-2)

    @property
    def modes(self) -> Tensor | None:
        """All 2^(dim/2) pairings of the wells, the outer roots of −4a³ + 12a + ½; given up to 2¹² of them."""
        if self.dim > 24:
            return None
        roots = torch.from_numpy(np.sort(np.roots([-4.0, 0.0, 12.0, 0.5]).real))
        a = torch.cartesian_prod(*self.dim // 2 * [roots[[0, 2]]]).reshape(-1, self.dim // 2)
        return torch.stack([a, torch.zeros_like(a)], -1).flatten(-2)

    @property
    def mean(self) -> Tensor:
        return torch.tensor([self._well.moment(1), 0.0], dtype=torch.float64).repeat(self.dim // 2)

    @property
    def covariance_matrix(self) -> Tensor:
        variance = self._well.moment(2) - self._well.moment(1) ** 2
        return torch.tensor([variance, 1.0], dtype=torch.float64).repeat(self.dim // 2).diag()
