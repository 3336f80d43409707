"""A user's own score or energy network as a model, and a user's own data as a law."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from estibench import Density, NoisedDensity, PositiveFloat, Unsupported


class FlatScore(nn.Module):
    """A user's network as a score of flat points, (..., m) → (..., m).

    Args:
        network: (batch, *shape) → (batch, *shape), a score; or → (batch,) or (batch, 1), an energy E with s = −∇E.
        shape: of one point.
        energy: which of the two.
    """

    def __init__(self, network: nn.Module, shape: tuple[int, ...], energy: bool) -> None:
        super().__init__()
        self.network = network
        self._shape, self._energy = shape, energy

    def forward(self, x: Tensor) -> Tensor:
        if self._energy:
            return -torch.func.grad(lambda points: self._value(points).sum())(x)
        return self._value(x).reshape(x.shape)

    def _value(self, x: Tensor) -> Tensor:
        found: Tensor = self.network(x.reshape(-1, *self._shape))
        return found


@dataclass(frozen=True, kw_only=True)
class OwnData(NoisedDensity):
    """The empirical law of a user's data, (1/N) Σ_n δ(a_n). Only its convolutions with noise have a density.

    Attributes:
        data: a_n, (N, dim), float64.
    """

    data: Tensor

    def noised(self, sigma: float) -> Density:
        return NoisedData(data=self.data, sigma=sigma, dim=self.dim, device=self.device, dtype=self.dtype)

    def log_prob(self, x: Tensor) -> Tensor:
        raise Unsupported("data without noise have no density: give sigma")

    def score(self, x: Tensor) -> Tensor:
        raise Unsupported("data without noise have no score: give sigma")

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return self.data[torch.randint(len(self.data), (n,), generator=generator)]


@dataclass(frozen=True, kw_only=True)
class NoisedData(Density):
    """(1/N) Σ_n N(a_n, σ²I), whose score is (Σ_n r_n a_n − x)/σ² with r_n ∝ exp(−‖x − a_n‖²/2σ²) (Parzen 1962).

    Attributes:
        data: a_n, (N, dim), float64.
        sigma: σ.
    """

    data: Tensor
    sigma: PositiveFloat

    @property
    def size(self) -> int:
        """N."""
        return len(self.data)

    @cached_property
    def _placed(self) -> tuple[Tensor, Tensor]:
        a = self.place(self.data)
        return a, a.square().sum(-1)

    def _log_joint(self, x: Tensor) -> Tensor:
        """log of N(x; a_n, σ²I)/N, (..., N)."""
        a, squares = self._placed
        distances = x.square().sum(-1, keepdim=True) - 2 * x @ a.mT + squares
        constant = 0.5 * self.dim * math.log(2 * math.pi * self.sigma**2) + math.log(len(a))
        return -0.5 * distances / self.sigma**2 - constant

    def log_prob(self, x: Tensor) -> Tensor:
        return self._log_joint(x).logsumexp(-1)

    def score(self, x: Tensor) -> Tensor:
        return (self._log_joint(x).softmax(-1) @ self._placed[0] - x) / self.sigma**2

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        chosen = self.data[torch.randint(len(self.data), (n,), generator=generator)]
        return chosen + self.sigma * torch.randn(chosen.shape, generator=generator, dtype=torch.float64)


def is_energy(values: Any, x: Tensor) -> bool | None:
    """Whether a network's values at points x are energies; None where they are neither energies nor scores."""
    if values.shape == x.shape and x[0].numel() > 1:
        return False
    return True if tuple(values.shape) in ((len(x),), (len(x), 1)) else (False if values.shape == x.shape else None)
