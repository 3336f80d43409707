"""The product Laplace distribution: the non-smooth control."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from estibench import Density, LaplacianDensity, NoisedDensity, PositiveFloat
from estibench_densities.skewed import NoisedLaplace


@dataclass(frozen=True, kw_only=True)
class Laplace(LaplacianDensity, NoisedDensity):
    """Independent coordinates of density exp(−|x_i|/b)/2b, normalised:

        log p = −‖x‖₁/b − m log 2b,   ∇ log p = −sign(x)/b,   Δ log p = 0 almost everywhere,   m = dim.

    The identity E‖s‖² = −E[Δ log p] fails here: it integrates by parts and needs a score that is weakly
    differentiable; this one jumps by −2/b wherever a coordinate is 0. As a distribution the Laplacian is
    −(2/b) Σ_i δ(x_i), whose expectation −m/b² balances E‖s‖² = m/b². The pointwise Laplacian, which automatic
    differentiation and every estimator of a trace see, is 0. With a smooth field f in place of s the identity
    holds: smooth models can be fitted to these data by implicit score matching, models with kinks cannot.

    Parameters:
        b: scale; a coordinate's standard deviation is b√2.
    """

    b: PositiveFloat = 1.0

    citation: ClassVar[str] = "Hyvärinen 2005, Estimation of non-normalized statistical models by score matching"

    def log_prob(self, x: Tensor) -> Tensor:
        return -x.abs().sum(-1) / self.b - self.dim * math.log(2 * self.b)

    def score(self, x: Tensor) -> Tensor:
        return -x.sign() / self.b

    def laplacian(self, x: Tensor) -> Tensor:
        return x.new_zeros(x.shape[:-1])

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """By the inverse distribution function: u uniform on (−½, ½), x = −b sign(u) log(1 − 2|u|)."""
        u = torch.rand(n, self.dim, generator=generator, dtype=torch.float64) - 0.5
        return -self.b * u.sign() * torch.log1p(-2 * u.abs())

    def noised(self, sigma: float) -> Density:
        return NoisedLaplace(dim=self.dim, b=self.b, sigma=sigma).at(self.device, self.dtype)

    @property
    def modes(self) -> Tensor:
        return torch.zeros(1, self.dim, dtype=torch.float64)

    @property
    def mean(self) -> Tensor:
        return torch.zeros(self.dim, dtype=torch.float64)

    @property
    def covariance_matrix(self) -> Tensor:
        return 2 * self.b**2 * torch.eye(self.dim, dtype=torch.float64)
