"""The multivariate t distribution: polynomial tails, and a score that vanishes far out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from estibench import LaplacianDensity, PositiveFloat
from estibench_densities.matrices import random_covariance


@dataclass(frozen=True, kw_only=True)
class StudentT(LaplacianDensity):
    """t_ν(μ, Σ), normalised. With P = Σ⁻¹, y = x − μ, q = yᵀPy and m = dim

        log p = log Γ((ν+m)/2) − log Γ(ν/2) − (m/2) log πν − ½ log det Σ − ½(ν+m) log(1 + q/ν),
        ∇ log p = −(ν+m) Py/(ν+q),
        Δ log p = −(ν+m)[tr P/(ν+q) − 2‖Py‖²/(ν+q)²].

    μ ~ N(0, I) and a full Σ come from the seed. Moments of order ν and above are infinite; the score is
    bounded.

    Parameters:
        df: degrees of freedom ν.
    """

    df: PositiveFloat = 3.0

    citation: ClassVar[str] = "Kotz and Nadarajah 2004, Multivariate t distributions and their applications"

    @cached_property
    def _mean_and_factor(self) -> tuple[Tensor, Tensor]:
        """μ (dim,) and lower triangular L (dim, dim), Σ = LLᵀ; float64."""
        generator = self.data_generator()
        mean = torch.randn(self.dim, generator=generator, dtype=torch.float64)
        return mean, torch.linalg.cholesky(random_covariance(self.dim, generator))

    @cached_property
    def _mean(self) -> Tensor:
        return self.place(self._mean_and_factor[0])

    @cached_property
    def _precision(self) -> Tensor:
        return self.place(torch.cholesky_inverse(self._mean_and_factor[1]))

    @cached_property
    def _trace_of_precision(self) -> float:
        return float(torch.cholesky_inverse(self._mean_and_factor[1]).trace())

    @cached_property
    def _log_constant(self) -> float:
        nu, m = self.df, self.dim
        half_log_det = float(self._mean_and_factor[1].diagonal().log().sum())
        return math.lgamma((nu + m) / 2) - math.lgamma(nu / 2) - m / 2 * math.log(math.pi * nu) - half_log_det

    def _form(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Py (..., dim) and ν + q (...)."""
        y = x - self._mean
        Py = y @ self._precision
        return Py, self.df + (y * Py).sum(-1)

    def log_prob(self, x: Tensor) -> Tensor:
        _, nu_q = self._form(x)
        return self._log_constant - 0.5 * (self.df + self.dim) * (nu_q / self.df).log()

    def score(self, x: Tensor) -> Tensor:
        Py, nu_q = self._form(x)
        return -(self.df + self.dim) * Py / nu_q[..., None]

    def laplacian(self, x: Tensor) -> Tensor:
        Py, nu_q = self._form(x)
        return -(self.df + self.dim) * (self._trace_of_precision - 2 * Py.square().sum(-1) / nu_q) / nu_q

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """μ + Lz/√(g/ν), z normal, g ~ χ²_ν by its inverse distribution function."""
        from scipy.special import gammaincinv

        mean, L = self._mean_and_factor
        z = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        u = torch.rand(n, 1, generator=generator, dtype=torch.float64)
        g = 2 * torch.as_tensor(gammaincinv(self.df / 2, (1 - u).numpy()))
        return mean + z @ L.T * (self.df / g).sqrt()

    @property
    def modes(self) -> Tensor:
        return self._mean_and_factor[0][None]

    @property
    def mean(self) -> Tensor | None:
        return self._mean_and_factor[0] if self.df > 1 else None

    @property
    def covariance_matrix(self) -> Tensor | None:
        L = self._mean_and_factor[1]
        return self.df / (self.df - 2) * L @ L.T if self.df > 2 else None
