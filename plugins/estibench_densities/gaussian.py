"""The normal distribution with a choice of covariances."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

import torch
from torch import Tensor

from estibench import LaplacianDensity, NoisedDensity, NonNegativeFloat, PositiveFloat, PositiveInt
from estibench_densities.isotropic_mixture import normal_moments
from estibench_densities.matrices import random_covariance, random_orthogonal


@dataclass(frozen=True, kw_only=True)
class Gaussian(LaplacianDensity, NoisedDensity):
    """N(μ, Σ), normalised. With the precision P = Σ⁻¹

        log p = −½(x−μ)ᵀP(x−μ) − ½ log det 2πΣ,   ∇ log p = −P(x−μ),   Δ log p = −tr P.

    Parameters:
        covariance: Σ/scale².
            `isotropic`: I, with μ = 0; for all others μ ~ N(0, I) from the seed.
            `diagonal`: log-spaced from ¼ to 4 along the axes.
            `full`: AAᵀ/dim + ½I with a Gaussian matrix A.
            `low_rank`: FFᵀ + D with a Gaussian F, (dim, rank), and a diagonal D, uniform on [½, 1½].
            `ill_conditioned`: eigenvalues log-spaced from 1/condition to 1 in a random orthogonal basis.
        scale: a common factor of the standard deviations.
        rank: columns of F; for `low_rank` only.
        condition: ratio of the extreme eigenvalues; for `ill_conditioned` only.
        smoothing: standard deviation of noise added to the law: Σ + smoothing² I.
    """

    covariance: Literal["isotropic", "diagonal", "full", "low_rank", "ill_conditioned"] = "isotropic"
    scale: PositiveFloat = 1.0
    rank: PositiveInt = 4
    condition: PositiveFloat = 1e4
    smoothing: NonNegativeFloat = 0.0

    citation = "Bishop 2006, Pattern recognition and machine learning, section 2.3."
    examples = ({}, {"covariance": "full"})

    @cached_property
    def _mean_and_spectrum(self) -> tuple[Tensor, Tensor, Tensor]:
        """μ (dim,), eigenvalues λ (dim,) and eigenvectors Q (dim, dim) of Σ = Q diag(λ) Qᵀ; float64."""
        m, generator = self.dim, self.data_generator()
        mean = torch.randn(m, generator=generator, dtype=torch.float64)
        Q = torch.eye(m, dtype=torch.float64)
        match self.covariance:
            case "isotropic":
                mean, eigenvalues = torch.zeros_like(mean), torch.ones_like(mean)
            case "diagonal":
                eigenvalues = torch.logspace(math.log10(0.25), math.log10(4.0), m, dtype=torch.float64)
            case "full":
                eigenvalues, Q = torch.linalg.eigh(random_covariance(m, generator))
            case "low_rank":
                F = torch.randn(m, self.rank, generator=generator, dtype=torch.float64)
                D = 0.5 + torch.rand(m, generator=generator, dtype=torch.float64)
                eigenvalues, Q = torch.linalg.eigh(F @ F.T + D.diag())
            case "ill_conditioned":
                eigenvalues = torch.logspace(-math.log10(self.condition), 0.0, m, dtype=torch.float64)
                Q = random_orthogonal(m, generator)
        return mean, self.scale**2 * eigenvalues + self.smoothing**2, Q

    @cached_property
    def _mean(self) -> Tensor:
        return self.place(self._mean_and_spectrum[0])

    @cached_property
    def _precision(self) -> Tensor:
        """P: (dim,) where it is diagonal, else (dim, dim)."""
        _, eigenvalues, Q = self._mean_and_spectrum
        diagonal = self.covariance in ("isotropic", "diagonal")
        return self.place(1 / eigenvalues if diagonal else (Q / eigenvalues) @ Q.T)

    @cached_property
    def _trace_of_precision(self) -> float:
        return float((1 / self._mean_and_spectrum[1]).sum())

    @cached_property
    def _log_det(self) -> float:
        """log det 2πΣ."""
        return float((2 * math.pi * self._mean_and_spectrum[1]).log().sum())

    def log_prob(self, x: Tensor) -> Tensor:
        return self.log_prob_and_score(x)[0]

    def log_prob_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self._mean - x
        score = self._pulled(y)
        return (y * score).sum(-1).mul_(-0.5).sub_(0.5 * self._log_det), score

    def score(self, x: Tensor) -> Tensor:
        return self._pulled(self._mean - x)

    def _pulled(self, y: Tensor) -> Tensor:
        """P y for rows y = μ − x."""
        return y * self._precision if self._precision.ndim == 1 else y @ self._precision

    def laplacian(self, x: Tensor) -> Tensor:
        return x.new_full(x.shape[:-1], -self._trace_of_precision)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        mean, eigenvalues, Q = self._mean_and_spectrum
        z = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        return mean + (z * eigenvalues.sqrt()) @ Q.T

    def noised(self, sigma: float) -> Self:
        return dataclasses.replace(self, smoothing=math.hypot(self.smoothing, sigma))

    @property
    def modes(self) -> Tensor:
        return self.mean[None]

    @property
    def mean(self) -> Tensor:
        return self._mean_and_spectrum[0]

    @property
    def covariance_matrix(self) -> Tensor:
        _, eigenvalues, Q = self._mean_and_spectrum
        return (Q * eigenvalues) @ Q.T

    def coordinate_moments(self, order: int) -> Tensor:
        return normal_moments(self.mean, self.covariance_matrix.diagonal().sqrt(), order)
