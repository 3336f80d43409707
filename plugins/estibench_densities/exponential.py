"""The exponential distribution: data with a boundary, where implicit score matching fails."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from estibench import Density, LaplacianDensity, NoisedDensity, PositiveFloat
from estibench_densities.skewed import ExponentiallyModifiedGaussian


@dataclass(frozen=True, kw_only=True)
class Exponential(LaplacianDensity, NoisedDensity):
    """Independent coordinates of density λe^(−λx_i) on x_i > 0, normalised:

        log p = m log λ − λ Σ_i x_i,   ∇ log p = −λ1,   Δ log p = 0   for x > 0,   m = dim;

    elsewhere log p = −∞ and the score is set to 0.

    Integration by parts leaves a boundary term: for a smooth field f

        E[tr ∇f] + E[fᵀ∇ log p] = −λ Σ_i E[f_i | x_i = 0],

    by which implicit score matching is wrong. Denoising score matching is not concerned: the noised law is smooth.

    Parameters:
        rate: λ.
    """

    rate: PositiveFloat = 1.0

    citation: ClassVar[str] = "Hyvärinen 2007, Some extensions of score matching, section 2 (non-negative data)"
    integrates_by_parts: ClassVar[bool] = False

    def log_prob(self, x: Tensor) -> Tensor:
        inside = self.dim * math.log(self.rate) - self.rate * x.sum(-1)
        return torch.where((x >= 0).all(-1), inside, -math.inf)

    def score(self, x: Tensor) -> Tensor:
        return torch.where((x >= 0).all(-1, keepdim=True), torch.full_like(x, -self.rate), 0.0)

    def laplacian(self, x: Tensor) -> Tensor:
        return x.new_zeros(x.shape[:-1])

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        u = torch.rand(n, self.dim, generator=generator, dtype=torch.float64)
        return -torch.log1p(-u) / self.rate

    def noised(self, sigma: float) -> Density:
        return ExponentiallyModifiedGaussian(dim=self.dim, rate=self.rate, sigma=sigma).at(self.device, self.dtype)

    @property
    def modes(self) -> Tensor:
        """The corner, where the density is largest; no stationary point."""
        return torch.zeros(1, self.dim, dtype=torch.float64)

    @property
    def mean(self) -> Tensor:
        return torch.full((self.dim,), 1 / self.rate, dtype=torch.float64)

    @property
    def covariance_matrix(self) -> Tensor:
        return torch.eye(self.dim, dtype=torch.float64) / self.rate**2

    def coordinate_moments(self, order: int) -> Tensor:
        k = torch.arange(order + 1, dtype=torch.float64)
        return ((k + 1).lgamma().exp() / self.rate**k)[:, None].repeat(1, self.dim)
