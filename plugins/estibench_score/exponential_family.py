"""A model that is linear in its parameters: score matching is least squares."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Density, NoisedDensity
from estibench_score.model import Level, ScoreModel, unflatten


@dataclass(frozen=True)
class ExponentialFamily(ScoreModel):
    """log q = θᵀT(x) with T = (x_i, −½x_i², −¼x_i⁴) for each coordinate, θ (3, m), p = 3m:

        s_i = θ_1i − θ_2i x_i − θ_3i x_i³.

    With A = E[∇T ∇Tᵀ] and b = E[ΔT] the gradient is Aθ + b and the optimum θ̂ = −A⁻¹b; A is block diagonal, and made of
    the moments of coordinates up to the sixth. (Hyvärinen 2007, section 3.)
    """

    @property
    def size(self) -> int:
        return 3 * self.dim

    def initial(self, generator: torch.Generator) -> Tensor:
        theta = 0.3 * torch.randn(3, self.dim, generator=generator, dtype=torch.float64)
        theta[1:] += torch.tensor([[1.0], [0.1]], dtype=torch.float64)
        return theta.flatten()

    def score(self, theta: Tensor, x: Tensor, level: Level = 0.0) -> Tensor:
        first, second, fourth = unflatten(theta, (self.dim,), (self.dim,), (self.dim,))
        return first - (second + fourth * x.square()) * x

    def log_density(self, theta: Tensor, x: Tensor) -> Tensor:
        first, second, fourth = unflatten(theta, (self.dim,), (self.dim,), (self.dim,))
        return ((first - (0.5 * second + 0.25 * fourth * x.square()) * x) * x).sum(-1)

    def exact_gradient(self, theta: Tensor, density: Density, sigma: float) -> Tensor | None:
        system = _normal_equations(density, sigma)
        if system is None:
            return None
        A, b = system
        return (torch.einsum("abm,bm->am", A, theta.reshape(3, self.dim)) + b).flatten()

    def optimum(self, density: Density) -> Tensor | None:
        system = _normal_equations(density, 0.0)
        if system is None:
            return None
        A, b = system
        return -torch.linalg.solve(A.movedim(-1, 0), b.T).T.flatten()


def _normal_equations(density: Density, sigma: float) -> tuple[Tensor, Tensor] | None:
    """A (3, 3, m) and b (3, m) from moments of coordinates; None where these are not known."""
    if sigma > 0:
        if not isinstance(density, NoisedDensity):
            return None
        density = density.noised(sigma)
    M = density.coordinate_moments(6)
    if M is None or not density.integrates_by_parts:
        return None
    powers, signs = (0, 1, 3), (1.0, -1.0, -1.0)  # ∇T = (1, −x, −x³)
    A = torch.stack(
        [
            torch.stack([s * t * M[i + j] for j, t in zip(powers, signs, strict=True)])
            for i, s in zip(powers, signs, strict=True)
        ]
    )
    return A, torch.stack([torch.zeros_like(M[0]), -M[0], -3 * M[2]])
