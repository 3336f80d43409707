"""What noise makes of densities with an edge or a kink: exponentially modified Gaussians."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import LaplacianDensity, PositiveFloat


def log_tilted(x: Tensor, rate: float, sigma: float) -> Tensor:
    """log ∫_0^∞ λe^(−λt) N(x; t, σ²) dt = log λ + ½λ²σ² − λx + log Φ(x/σ − λσ), elementwise."""
    return math.log(rate) + 0.5 * (rate * sigma) ** 2 - rate * x + log_cdf(x / sigma - rate * sigma)


def tilted_slope(x: Tensor, rate: float, sigma: float) -> Tensor:
    """Its derivative −λ + φ(z)/(σΦ(z)), z = x/σ − λσ, elementwise."""
    return inverse_mills(x / sigma - rate * sigma) / sigma - rate


def log_cdf(z: Tensor) -> Tensor:
    """log Φ(z), by the scaled erfcx where Φ underflows. (`log_ndtr` has no rule for `vmap`.)"""
    tail = (torch.special.erfcx(-z.clamp(max=0.0) * 0.5**0.5) / 2).log() - 0.5 * z.square()
    return torch.where(z < 0, tail, torch.log1p(-0.5 * torch.special.erfc(z.clamp(min=0.0) * 0.5**0.5)))


def inverse_mills(z: Tensor) -> Tensor:
    """φ(z)/Φ(z) = √(2/π)/erfcx(−z/√2)."""
    return (2 / math.pi) ** 0.5 / torch.special.erfcx(-z * 0.5**0.5)


@dataclass(frozen=True, kw_only=True)
class ExponentiallyModifiedGaussian(LaplacianDensity):
    """Independent coordinates t + σε, t exponential of rate λ, ε normal; normalised. With z_i = x_i/σ − λσ and the
    inverse Mills ratio h = φ/Φ

        log p = Σ_i log λ + ½λ²σ² − λx_i + log Φ(z_i),
        ∇ log p = h(z)/σ − λ,
        Δ log p = −Σ_i h(z_i)(z_i + h(z_i))/σ².

    Parameters:
        rate: λ.
        sigma: σ.
    """

    rate: PositiveFloat = 1.0
    sigma: PositiveFloat = 1.0

    def log_prob(self, x: Tensor) -> Tensor:
        return log_tilted(x, self.rate, self.sigma).sum(-1)

    def score(self, x: Tensor) -> Tensor:
        return tilted_slope(x, self.rate, self.sigma)

    def laplacian(self, x: Tensor) -> Tensor:
        z = x / self.sigma - self.rate * self.sigma
        h = inverse_mills(z)
        return -(h * (z + h)).sum(-1) / self.sigma**2

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        u = torch.rand(n, self.dim, generator=generator, dtype=torch.float64)
        z = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        return self.sigma * z - torch.log1p(-u) / self.rate

    @property
    def mean(self) -> Tensor:
        return torch.full((self.dim,), 1 / self.rate, dtype=torch.float64)

    @property
    def covariance_matrix(self) -> Tensor:
        return (self.rate**-2 + self.sigma**2) * torch.eye(self.dim, dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class NoisedLaplace(LaplacianDensity):
    """Independent coordinates t + σε, t Laplace of scale b, ε normal; normalised. Each is half an exponentially
    modified Gaussian and half its mirror image, p = ½(p₊ + p₋). With slopes l± = ±(h(z±)/σ − 1/b),
    z± = ±x/σ − σ/b, h = φ/Φ and r± ∝ p±

        ∇ log p = r₊l₊ + r₋l₋,
        Δ log p = Σ_i [r₊r₋(l₊ − l₋)² − Σ± r± h(z±)(z± + h(z±))/σ²]_i.

    Parameters:
        b: scale of the Laplace law.
        sigma: σ.
    """

    b: PositiveFloat = 1.0
    sigma: PositiveFloat = 1.0

    def _halves(self, x: Tensor) -> Tensor:
        """log p₊ and log p₋, stacked last."""
        return torch.stack([log_tilted(side, 1 / self.b, self.sigma) for side in (x, -x)], -1)

    def log_prob(self, x: Tensor) -> Tensor:
        return (self._halves(x).logsumexp(-1) - math.log(2)).sum(-1)

    def _slopes(self, x: Tensor) -> Tensor:
        sides = ((x, 1), (-x, -1))
        return torch.stack([sign * tilted_slope(side, 1 / self.b, self.sigma) for side, sign in sides], -1)

    def score(self, x: Tensor) -> Tensor:
        return (self._halves(x).softmax(-1) * self._slopes(x)).sum(-1)

    def laplacian(self, x: Tensor) -> Tensor:
        r, slopes = self._halves(x).softmax(-1), self._slopes(x)
        z = torch.stack([x, -x], -1) / self.sigma - self.sigma / self.b
        h = inverse_mills(z)
        between = r.prod(-1) * (slopes[..., 0] - slopes[..., 1]).square()
        return (between - (r * h * (z + h)).sum(-1) / self.sigma**2).sum(-1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        u = torch.rand(n, self.dim, generator=generator, dtype=torch.float64) - 0.5
        z = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        return self.sigma * z - self.b * u.sign() * torch.log1p(-2 * u.abs())

    @property
    def modes(self) -> Tensor:
        return torch.zeros(1, self.dim, dtype=torch.float64)

    @property
    def mean(self) -> Tensor:
        return torch.zeros(self.dim, dtype=torch.float64)

    @property
    def covariance_matrix(self) -> Tensor:
        return (2 * self.b**2 + self.sigma**2) * torch.eye(self.dim, dtype=torch.float64)
