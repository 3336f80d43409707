"""The model of independent component analysis with hyperbolic-secant sources."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from estibench import LaplacianDensity
from estibench_densities.matrices import random_orthogonal


@dataclass(frozen=True, kw_only=True)
class ICA(LaplacianDensity):
    """Sources y = Wx are independent with density sech(y)/π. Normalised, since ∫ sech = π. With m = dim,
    rows W_i

        log p = −Σ_i log cosh(Wx)_i + log|det W| − m log π,
        ∇ log p = −Wᵀ tanh(Wx),
        Δ log p = −Σ_i sech²((Wx)_i) ‖W_i‖².

    W = U diag(d) V with random orthogonal U and V from the seed and d log-spaced from ½ to 2.
    """

    citation: ClassVar[str] = "Hyvärinen 2005, Estimation of non-normalized statistical models by score matching"

    @cached_property
    def _unmixing(self) -> Tensor:
        """W: (dim, dim), float64."""
        generator = self.data_generator()
        d = torch.logspace(-1, 1, self.dim, base=2.0, dtype=torch.float64)
        return (random_orthogonal(self.dim, generator) * d) @ random_orthogonal(self.dim, generator)

    @cached_property
    def _W(self) -> Tensor:
        return self.place(self._unmixing)

    @cached_property
    def _row_norms(self) -> Tensor:
        """‖W_i‖²: (dim,)."""
        return self.place(self._unmixing.square().sum(-1))

    @cached_property
    def _log_constant(self) -> float:
        """log|det W| + m log 2/π; the 2 belongs to log cosh y = log(eʸ + e⁻ʸ) − log 2."""
        return float(torch.linalg.slogdet(self._unmixing).logabsdet) + self.dim * math.log(2 / math.pi)

    def log_prob(self, x: Tensor) -> Tensor:
        y = x @ self._W.T
        return self._log_constant - torch.logaddexp(y, -y).sum(-1)

    def score(self, x: Tensor) -> Tensor:
        return -(x @ self._W.T).tanh() @ self._W

    def laplacian(self, x: Tensor) -> Tensor:
        return -((x @ self._W.T).cosh() ** -2 * self._row_norms).sum(-1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """x = W⁻¹y with y = log tan(πu/2), the inverse distribution function at a uniform u."""
        u = torch.rand(n, self.dim, generator=generator, dtype=torch.float64)
        x: Tensor = torch.linalg.solve(self._unmixing, (0.5 * math.pi * u).tan().log().T).T
        return x

    @property
    def modes(self) -> Tensor:
        return torch.zeros(1, self.dim, dtype=torch.float64)

    @property
    def mean(self) -> Tensor:
        return torch.zeros(self.dim, dtype=torch.float64)

    @property
    def covariance_matrix(self) -> Tensor:
        """(π²/4) W⁻¹W⁻ᵀ: a source has variance π²/4."""
        mixing = torch.linalg.inv(self._unmixing)
        return math.pi**2 / 4 * mixing @ mixing.T
