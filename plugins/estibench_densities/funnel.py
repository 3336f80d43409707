"""Neal's funnel: one coordinate sets the scale of all others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from estibench import LaplacianDensity, PositiveFloat


@dataclass(frozen=True, kw_only=True)
class Funnel(LaplacianDensity):
    """v ~ N(0, σ²), the other m−1 coordinates u | v ~ N(0, eᵛ I); x = (v, u), m = dim. Normalised:

        log p = −v²/2σ² − ½e⁻ᵛ‖u‖² − ½(m−1)v − log σ − (m/2) log 2π,
        ∂_v log p = −v/σ² + ½e⁻ᵛ‖u‖² − ½(m−1),   ∇_u log p = −e⁻ᵛu,
        Δ log p = −1/σ² − ½e⁻ᵛ‖u‖² − (m−1)e⁻ᵛ.

    With the customary σ = 3 samples deep in the neck dominate the moments of the score: e⁻ᵛ has mean
    e^(9/2) and variance e¹⁸ − e⁹.

    Parameters:
        sigma: standard deviation of v.
    """

    sigma: PositiveFloat = 3.0

    citation: ClassVar[str] = "Neal 2003, Slice sampling"

    def __post_init__(self) -> None:
        if self.dim < 2:
            raise ValueError(f"funnel needs dim of at least 2, got {self.dim}")

    def log_prob(self, x: Tensor) -> Tensor:
        v, u = x[..., 0], x[..., 1:]
        energy = 0.5 * ((v / self.sigma).square() + (-v).exp() * u.square().sum(-1) + (self.dim - 1) * v)
        return -energy - math.log(self.sigma) - self.dim / 2 * math.log(2 * math.pi)

    def score(self, x: Tensor) -> Tensor:
        v, u = x[..., :1], x[..., 1:]
        s_u = -(-v).exp() * u
        s_v = -v / self.sigma**2 - 0.5 * (u * s_u).sum(-1, keepdim=True) - (self.dim - 1) / 2
        return torch.cat([s_v, s_u], -1)

    def laplacian(self, x: Tensor) -> Tensor:
        v, u = x[..., 0], x[..., 1:]
        return -(self.sigma**-2) - (-v).exp() * (0.5 * u.square().sum(-1) + self.dim - 1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        z = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        v = self.sigma * z[:, :1]
        return torch.cat([v, (0.5 * v).exp() * z[:, 1:]], -1)

    @property
    def modes(self) -> Tensor:
        """u = 0 and v = −½(m−1)σ², deep in the neck."""
        mode = torch.zeros(1, self.dim, dtype=torch.float64)
        mode[0, 0] = -(self.dim - 1) / 2 * self.sigma**2
        return mode

    @property
    def mean(self) -> Tensor:
        return torch.zeros(self.dim, dtype=torch.float64)

    @property
    def covariance_matrix(self) -> Tensor:
        """Diagonal: σ² and E eᵛ = e^(σ²/2)."""
        variances = torch.full((self.dim,), math.exp(self.sigma**2 / 2), dtype=torch.float64)
        variances[0] = self.sigma**2
        return variances.diag()
