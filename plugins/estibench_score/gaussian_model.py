"""The score of a normal distribution: linear in x, and everything about its estimators in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Density
from estibench_score.model import Level, ScoreModel, gaussian_matrix, unflatten


@dataclass(frozen=True)
class GaussianModel(ScoreModel):
    """s(x) = −P(x−μ), P = ½(W + Wᵀ), θ = (W, μ), p = m² + m.

    With δ = E x − μ and C = Cov x + δδᵀ, and since E[s_p yᵀ] = −I and E s_p = 0 for every smooth density,

        ∂W = ½(PC + CP) − I,   ∂μ = −P²δ.

    Noise adds σ²I to C: the gradient for the noised density is that for the clean one plus (σ²P, 0).
    """

    @property
    def size(self) -> int:
        return self.dim**2 + self.dim

    @property
    def linear(self) -> bool:
        return True

    def initial(self, generator: torch.Generator) -> Tensor:
        A = gaussian_matrix(self.dim, self.dim, generator)
        W = A @ A.T + 0.5 * torch.eye(self.dim, dtype=torch.float64)
        mean = 0.3 * torch.randn(self.dim, generator=generator, dtype=torch.float64)
        return torch.cat([W.flatten(), mean])

    def precision_and_mean(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """P (m, m) and μ (m,)."""
        W, mean = unflatten(theta, (self.dim, self.dim), (self.dim,))
        return (W + W.mT) / 2, mean

    def score(self, theta: Tensor, x: Tensor, level: Level = 0.0) -> Tensor:
        P, mean = self.precision_and_mean(theta)
        return (mean - x) @ P

    def log_density(self, theta: Tensor, x: Tensor) -> Tensor:
        P, mean = self.precision_and_mean(theta)
        return -0.5 * (((x - mean) @ P) * (x - mean)).sum(-1)

    def exact_gradient(self, theta: Tensor, density: Density, sigma: float) -> Tensor | None:
        mean, covariance = density.mean, density.covariance_matrix
        if mean is None or covariance is None or not (density.integrates_by_parts or sigma > 0):
            return None
        P, centre = self.precision_and_mean(theta)
        delta = mean - centre
        identity = torch.eye(self.dim, dtype=torch.float64)
        C = covariance + sigma**2 * identity + torch.outer(delta, delta)
        return torch.cat([((P @ C + C @ P) / 2 - identity).flatten(), -P @ P @ delta])

    def optimum(self, density: Density) -> Tensor | None:
        """P = (Cov x)⁻¹ and μ = E x, whatever the density."""
        mean, covariance = density.mean, density.covariance_matrix
        if mean is None or covariance is None or not density.integrates_by_parts:
            return None
        return torch.cat([torch.linalg.inv(covariance).flatten(), mean])
