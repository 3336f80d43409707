"""Concentric rings in the plane: the density's support is near a set of curves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import LaplacianDensity, PositiveFloat, PositiveInt
from estibench_densities.tabulated import Table, tabulate


@dataclass(frozen=True, kw_only=True)
class Rings(LaplacianDensity):
    """K rings of radii R_k = k·spacing, each of mass 1/K with a Gaussian profile in r = ‖x‖. Normalised:

        p(x) = (1/K) Σ_k exp(−(r−R_k)²/2σ²)/Z_k,   Z_k = 2π[σ² exp(−R_k²/2σ²) + R_k σ√(2π) Φ(R_k/σ)].

    With g(r) = log p, profile scores t_k = −(r−R_k)/σ² and responsibilities ρ_k of the rings

        ∇ log p = g′ x/r,   g′ = Σ_k ρ_k t_k,
        Δ log p = g″ + g′/r,   g″ = Σ_k ρ_k t_k² − g′² − 1/σ².

    At the origin, a cone point of negligible density, the score is set to 0; the Laplacian diverges.

    Parameters:
        rings: K.
        spacing: distance between rings, and radius of the first.
        scale: σ, the rings' half-width.
    """

    rings: PositiveInt = 3
    spacing: PositiveFloat = 1.0
    scale: PositiveFloat = 0.2

    citation = "An own construction; its closed forms follow from its definition."

    def __post_init__(self) -> None:
        if self.dim != 2:
            raise ValueError(f"rings has dim 2, got {self.dim}")

    @cached_property
    def _rings(self) -> tuple[Tensor, Tensor]:
        """Radii R (K,) and log 1/(K Z) (K,); float64."""
        R, sigma = self.spacing * torch.arange(1, self.rings + 1, dtype=torch.float64), self.scale
        disc = sigma**2 * (-0.5 * (R / sigma).square()).exp()
        Z = 2 * math.pi * (disc + R * sigma * math.sqrt(2 * math.pi) * torch.special.ndtr(R / sigma))
        return R, -(self.rings * Z).log()

    @cached_property
    def _radii(self) -> Tensor:
        return self.place(self._rings[0])

    @cached_property
    def _log_weights(self) -> Tensor:
        return self.place(self._rings[1])

    @cached_property
    def _radial(self) -> Table:
        """The law of r, of density 2πr p."""
        R, log_weights = self._rings
        margin = 12 * self.scale

        def log_density(r: Tensor) -> Tensor:
            profiles = log_weights - 0.5 * ((r[:, None] - R) / self.scale).square()
            return (2 * math.pi * r).log() + profiles.logsumexp(-1)

        return tabulate(log_density, max(0.0, float(R[0]) - margin), float(R[-1]) + margin)

    def _profile(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """r (..., 1), log of the rings' densities (..., K), t (..., K)."""
        r = torch.linalg.vector_norm(x, dim=-1, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
        offset = self._radii - r
        return r, self._log_weights - 0.5 * (offset / self.scale).square(), offset / self.scale**2

    def log_prob(self, x: Tensor) -> Tensor:
        _, log_densities, _ = self._profile(x)
        return log_densities.logsumexp(-1)

    def score(self, x: Tensor) -> Tensor:
        r, log_densities, t = self._profile(x)
        return (log_densities.softmax(-1) * t).sum(-1, keepdim=True) * (x / r)

    def laplacian(self, x: Tensor) -> Tensor:
        r, log_densities, t = self._profile(x)
        rho = log_densities.softmax(-1)
        slope = (rho * t).sum(-1, keepdim=True)
        return (rho * (t - slope).square()).sum(-1) - self.scale**-2 + (slope / r)[..., 0]

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        r = self._radial.sample((n,), generator)
        angle = 2 * math.pi * torch.rand(n, generator=generator, dtype=torch.float64)
        return torch.stack([r * angle.cos(), r * angle.sin()], -1)

    @property
    def mean(self) -> Tensor:
        return torch.zeros(2, dtype=torch.float64)

    @property
    def covariance_matrix(self) -> Tensor:
        return self._radial.moment(2) / 2 * torch.eye(2, dtype=torch.float64)
