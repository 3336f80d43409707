"""The hybrid Rosenbrock distribution: curved, narrow valleys in any dimension, with exact samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from estibench import LaplacianDensity, PositiveFloat, PositiveInt


@dataclass(frozen=True, kw_only=True)
class Rosenbrock(LaplacianDensity):
    """x₁ starts J chains x₁ → y_j1 → … → y_jL; x = (x₁, y_11, …, y_1L, y_21, …), dim = 1 + JL. Given its
    parent z_ji (x₁ for i = 1, else y_j,i−1), y_ji is normal around z_ji². Normalised: with e = y − z²

        log p = −a(x₁−μ)² − b Σ_ji e_ji² + ½ log(a/π) + ½JL log(b/π),
        ∂_y log p = −2be_ji + 4b y_ji e_j,i+1,   ∂_x₁ log p = −2a(x₁−μ) + 4b x₁ Σ_j e_j1,
        Δ log p = −2a − 2bJL + 4b Σ_ji (e_ji − 2z_ji²).

    The i-th link grows like x₁^(2^i): float32 overflows in long chains.

    Parameters:
        chain: L, the links of a chain; dim − 1 must be a multiple of it.
        a: half the precision of x₁: its variance is 1/2a.
        b: half the precision of every link.
        mu: mean of x₁.
    """

    chain: PositiveInt = 1
    a: PositiveFloat = 0.05
    b: PositiveFloat = 5.0
    mu: float = 1.0

    citation: ClassVar[str] = (
        "Pagani, Wiegand and Nadarajah 2022, "
        "An n-dimensional Rosenbrock distribution for Markov chain Monte Carlo testing"
    )

    def __post_init__(self) -> None:
        if self.dim < 2 or (self.dim - 1) % self.chain:
            raise ValueError(
                f"rosenbrock with chain {self.chain} needs dim = 1 + a positive multiple of {self.chain}, "
                f"got {self.dim}"
            )

    @property
    def _chains(self) -> int:
        """J."""
        return (self.dim - 1) // self.chain

    def _links(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Parents z and errors e = y − z², both (..., J, L)."""
        y = x[..., 1:].reshape(*x.shape[:-1], self._chains, self.chain)
        x_1 = x[..., None, :1].expand(*y.shape[:-1], 1)
        z = torch.cat([x_1, y[..., :-1]], -1)
        return z, y - z.square()

    def log_prob(self, x: Tensor) -> Tensor:
        _, e = self._links(x)
        log_constant = 0.5 * math.log(self.a / math.pi) + 0.5 * (self.dim - 1) * math.log(self.b / math.pi)
        return log_constant - self.a * (x[..., 0] - self.mu).square() - self.b * e.square().sum((-2, -1))

    def score(self, x: Tensor) -> Tensor:
        z, e = self._links(x)
        to_parent = 4 * self.b * z * e  # (..., J, L): what each link contributes to ∂/∂z
        s_y = -2 * self.b * e + torch.nn.functional.pad(to_parent[..., 1:], (0, 1))
        s_1 = -2 * self.a * (x[..., 0] - self.mu) + to_parent[..., 0].sum(-1)
        return torch.cat([s_1[..., None], s_y.flatten(-2)], -1)

    def laplacian(self, x: Tensor) -> Tensor:
        z, e = self._links(x)
        constant = -2 * self.a - 2 * self.b * (self.dim - 1)
        return constant + 4 * self.b * (e - 2 * z.square()).sum((-2, -1))

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        noise = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        x_1 = self.mu + noise[:, :1] / math.sqrt(2 * self.a)
        e = noise[:, 1:].reshape(n, self._chains, self.chain) / math.sqrt(2 * self.b)
        y = [x_1.square() + e[..., 0]]
        for i in range(1, self.chain):
            y.append(y[-1].square() + e[..., i])
        return torch.cat([x_1, torch.stack(y, -1).flatten(-2)], -1)

    @property
    def modes(self) -> Tensor:
        """x₁ = μ, and every y the square of its parent."""
        link = [self.mu ** (2 ** (i + 1)) for i in range(self.chain)]
        return torch.tensor([[self.mu, *self._chains * link]], dtype=torch.float64)

    @property
    def mean(self) -> Tensor | None:
        """For chains of one link: E y = μ² + v, v = 1/2a."""
        if self.chain > 1:
            return None
        mean = torch.full((self.dim,), self.mu**2 + 1 / (2 * self.a), dtype=torch.float64)
        mean[0] = self.mu
        return mean

    @property
    def covariance_matrix(self) -> Tensor | None:
        """For chains of one link, v = 1/2a: Cov(x₁, y) = 2μv, Cov(y_i, y_j) = 4μ²v + 2v² + δ_ij/2b."""
        if self.chain > 1:
            return None
        v = 1 / (2 * self.a)
        shared = 4 * self.mu**2 * v + 2 * v**2
        covariance = torch.full((self.dim, self.dim), shared, dtype=torch.float64)
        covariance += torch.eye(self.dim, dtype=torch.float64) / (2 * self.b)
        covariance[0], covariance[:, 0] = 2 * self.mu * v, 2 * self.mu * v
        covariance[0, 0] = v
        return covariance
