"""The posterior of Bayesian linear regression on real data: an exact Gaussian with a natural spectrum."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor

from estibench import DataDensity, LaplacianDensity, NoisedDensity, NonNegativeFloat, PositiveFloat, Unsupported
from estibench_densities.datasets import check_dim, load


@dataclass(frozen=True, kw_only=True)
class LinearPosterior(LaplacianDensity, NoisedDensity, DataDensity):
    """Weights x of y = Ax + N(0, σ²I) with prior N(0, τ²I). Normalised: N(μ, P⁻¹) with

        P = AᵀA/σ² + I/τ²,   μ = P⁻¹Aᵀy/σ²,
        ∇ log p = −P(x−μ),   Δ log p = −tr P.

    A has standardised columns and no intercept; y is standardised, class numbers taken as numbers.

    Parameters:
        data: a set carried by scikit-learn; it fixes dim: diabetes 10, breast_cancer 30, wine 13, digits 64.
        noise: σ.
        prior_scale: τ.
        smoothing: standard deviation of noise added to the law, which stays normal.
    """

    data: Literal["diabetes", "breast_cancer", "wine", "digits"] = "diabetes"
    noise: PositiveFloat = 1.0
    prior_scale: PositiveFloat = 1.0
    smoothing: NonNegativeFloat = 0.0

    citation: ClassVar[str] = "Bishop 2006, Pattern recognition and machine learning, section 3.3"
    examples = ({"dim": 10},)

    def __post_init__(self) -> None:
        check_dim("linear_posterior", self.data, self.dim)

    @cached_property
    def _data(self) -> tuple[Tensor, Tensor]:
        """A (N, dim) and y (N,), standardised; float64."""
        A, y = load(self.data)
        return A, (y - y.mean()) / y.std(correction=0)

    @cached_property
    def _placed_data(self) -> tuple[Tensor, Tensor]:
        return self.place(self._data[0]), self.place(self._data[1])

    @cached_property
    def _mean_and_precision(self) -> tuple[Tensor, Tensor]:
        """μ (dim,) and the precision with all noise, (dim, dim); float64."""
        A, y = self._data
        P = A.T @ A / self.noise**2 + torch.eye(self.dim, dtype=torch.float64) / self.prior_scale**2
        mean = torch.linalg.solve(P, A.T @ y / self.noise**2)
        if self.smoothing:  # (P⁻¹ + s²I)⁻¹ = P (I + s²P)⁻¹; both factors commute, so the result is symmetric
            P = torch.linalg.solve(torch.eye(self.dim, dtype=torch.float64) + self.smoothing**2 * P, P)
            P = (P + P.T) / 2
        return mean, P

    @cached_property
    def _mean(self) -> Tensor:
        return self.place(self._mean_and_precision[0])

    @cached_property
    def _precision(self) -> Tensor:
        return self.place(self._mean_and_precision[1])

    @cached_property
    def _trace_of_precision(self) -> float:
        return float(self._mean_and_precision[1].trace())

    @cached_property
    def _log_constant(self) -> float:
        """½ log det P − (m/2) log 2π."""
        return 0.5 * float(torch.linalg.slogdet(self._mean_and_precision[1]).logabsdet) - self.dim / 2 * math.log(
            2 * math.pi
        )

    def log_prob(self, x: Tensor) -> Tensor:
        return self._log_constant + 0.5 * ((x - self._mean) * self.score(x)).sum(-1)

    def score(self, x: Tensor) -> Tensor:
        return (self._mean - x) @ self._precision

    @property
    def data_size(self) -> int:
        return len(self._data[1])

    def minibatch_score(self, x: Tensor, chosen: Tensor) -> Tensor:
        """−x/τ² + (N/Bσ²) Σ_b a_b (y_b − a_bᵀx); of the posterior itself, without smoothing."""
        if self.smoothing:
            raise Unsupported("a smoothed posterior is no product over data")
        A, y = self._placed_data
        a = A[chosen]
        residual = y[chosen] - (a @ x[..., None])[..., 0]
        weight = len(y) / (chosen.shape[-1] * self.noise**2)
        return weight * (residual[..., None, :] @ a)[..., 0, :] - x / self.prior_scale**2

    def laplacian(self, x: Tensor) -> Tensor:
        return x.new_full(x.shape[:-1], -self._trace_of_precision)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """μ + L⁻ᵀz with P = LLᵀ, z normal."""
        mean, P = self._mean_and_precision
        z = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        coloured: Tensor = torch.linalg.solve_triangular(torch.linalg.cholesky(P), z, upper=False, left=False)
        return mean + coloured

    def noised(self, sigma: float) -> Self:
        return dataclasses.replace(self, smoothing=math.hypot(self.smoothing, sigma))

    @property
    def modes(self) -> Tensor:
        return self.mean[None]

    @property
    def mean(self) -> Tensor:
        return self._mean_and_precision[0]

    @property
    def covariance_matrix(self) -> Tensor:
        return torch.linalg.inv(self._mean_and_precision[1])
