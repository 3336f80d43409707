"""Lattice φ⁴ theory on a ring: coupled double wells, known only up to a constant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from estibench import LaplacianDensity, PositiveFloat

TRAJECTORIES = 100
LEAPS = 8


@dataclass(frozen=True, kw_only=True)
class Phi4(LaplacianDensity):
    """A field φ on m = dim sites in a ring (φ_{m+1} = φ₁), unnormalised:

        log p = −Σ_i [½κ(φ_{i+1} − φ_i)² + ¼λ(φ_i² − 1)²] + const,
        ∂_i log p = κ(φ_{i+1} + φ_{i−1} − 2φ_i) − λφ_i(φ_i² − 1),
        Δ log p = −2κm − λ Σ_i (3φ_i² − 1).

    Samples are approximate: the ends of independent Hamiltonian Monte Carlo chains (Duane, Kennedy,
    Pendleton, Roweth 1987) that start near φ = ±1, with equal odds, and take 100 trajectories of 8 leapfrog
    steps. Where barriers are so high that kinks hardly ever form, samples have none, as at the start.

    Parameters:
        coupling: κ, the stiffness between neighbours.
        depth: λ, four times the height of a site's barrier.
    """

    coupling: PositiveFloat = 1.0
    depth: PositiveFloat = 1.0

    citation: ClassVar[str] = (
        "Gabrié, Rotskoff and Vanden-Eijnden 2022, Adaptive Monte Carlo augmented with normalizing flows"
    )
    exact_sampler: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.dim < 2:
            raise ValueError(f"phi4 needs a ring of at least 2 sites, got dim {self.dim}")

    @property
    def log_normalizer(self) -> None:
        return None

    def log_prob(self, x: Tensor) -> Tensor:
        bond = 0.5 * self.coupling * (x.roll(-1, -1) - x).square()
        return -(bond + 0.25 * self.depth * (x.square() - 1).square()).sum(-1)

    def score(self, x: Tensor) -> Tensor:
        neighbours = x.roll(-1, -1) + x.roll(1, -1) - 2 * x
        return self.coupling * neighbours - self.depth * x * (x.square() - 1)

    def laplacian(self, x: Tensor) -> Tensor:
        return -2 * self.coupling * self.dim - self.depth * (3 * x.square() - 1).sum(-1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        step = 1.2 / math.sqrt(4 * self.coupling + 2 * self.depth) / self.dim**0.25
        x = normal(n, 1).sign() + 0.3 * normal(n, self.dim)
        for _ in range(TRAJECTORIES):
            # A step size of its own for each chain, so that no period of the dynamics is an exact multiple.
            eps = step * (0.8 + 0.4 * torch.rand(n, 1, generator=generator, dtype=torch.float64))
            momentum = normal(n, self.dim)
            end, p = x, momentum + 0.5 * eps * self.score(x)
            for _ in range(LEAPS):
                end = end + eps * p
                force = eps * self.score(end)
                p = p + force
            p = p - 0.5 * force
            gain = self.log_prob(end) - self.log_prob(x) + 0.5 * (momentum.square() - p.square()).sum(-1)
            accept = torch.rand(n, generator=generator, dtype=torch.float64).log() < gain
            x = torch.where(accept[:, None], end, x)
        return x

    @property
    def modes(self) -> Tensor:
        """The two uniform fields φ = ±1, the global maxima."""
        return torch.tensor([[-1.0], [1.0]], dtype=torch.float64).repeat(1, self.dim)

    @property
    def mean(self) -> Tensor:
        return torch.zeros(self.dim, dtype=torch.float64)
