"""The Ornstein–Uhlenbeck process: the diffusion whose density is known for every linear drift."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import NonNegativeFloat, PositiveFloat
from estibench_sampling.evolution import EvolutionProblem
from estibench_sampling.normal_density import log_normal, normal_score


@dataclass(frozen=True, kw_only=True)
class OrnsteinUhlenbeck(EvolutionProblem):
    """dX = −ΘX dt + σ dW from X_0 ~ N(a1, s²I). X_t is normal with mean e^−Θt a1 and covariance

        s² e^−Θt e^−Θᵀt + σ² ∫_0^t e^−Θu e^−Θᵀu du,

    by the exponential of a matrix of twice the size. For dim 1 that is e^−2θt s² + σ²(1 − e^−2θt)/2θ. With σ = 0 the
    density is only carried along: d log p/dt = tr Θ on the paths.

    Parameters:
        theta: Θ has diagonal entries between θ and 2θ, equally spaced,
        rotation: and ±this beside them for neighbouring coordinates: a flow in circles, for which Θ is not symmetric.
        sigma: σ.
        start: a.
        spread: s.
    """

    theta: PositiveFloat = 1.0
    rotation: NonNegativeFloat = 0.0
    sigma: NonNegativeFloat = 1.0
    start: float = 2.0
    spread: PositiveFloat = 0.5

    citation = (
        "Uhlenbeck and Ornstein 1930, On the theory of the Brownian motion; "
        "Van Loan 1978, Computing integrals involving the matrix exponential"
    )

    @property
    def diffusion(self) -> float:
        return self.sigma

    @cached_property
    def matrix(self) -> Tensor:
        """Θ, (dim, dim), float64."""
        Theta = torch.linspace(self.theta, 2 * self.theta, self.dim, dtype=torch.float64).diag()
        for i in range(0, self.dim - 1, 2):
            Theta[i, i + 1], Theta[i + 1, i] = self.rotation, -self.rotation
        return Theta

    @cached_property
    def _matrix_placed(self) -> Tensor:
        return self.place(self.matrix)

    @cached_property
    def start_law(self) -> tuple[Tensor, Tensor]:
        """Mean (dim,) and covariance (dim, dim) of X_0, float64."""
        mean = torch.full((self.dim,), self.start, dtype=torch.float64)
        return mean, self.spread**2 * torch.eye(self.dim, dtype=torch.float64)

    def law(self, t: float) -> tuple[Tensor, Tensor]:
        """Mean (dim,) and covariance (dim, dim) of X_t, float64."""
        mean, covariance = self.start_law
        Theta, m = self.matrix, self.dim
        block = torch.zeros(2 * m, 2 * m, dtype=torch.float64)
        block[:m, :m], block[:m, m:], block[m:, m:] = Theta, self.sigma**2 * torch.eye(m, dtype=torch.float64), -Theta.T
        whole = torch.linalg.matrix_exp(block * t)
        decay = whole[m:, m:].T  # e^−Θt
        return decay @ mean, decay @ covariance @ decay.T + decay @ whole[:m, m:]

    @cached_property
    def _laws(self) -> dict[float, tuple[Tensor, Tensor]]:
        return {}

    def _law_placed(self, t: float) -> tuple[Tensor, Tensor]:
        if t not in self._laws:
            mean, covariance = self.law(t)
            self._laws[t] = self.place(mean), self.place(covariance)
        return self._laws[t]

    def field(self, x: Tensor) -> Tensor:
        return -x @ self._matrix_placed.T

    def divergence(self, x: Tensor) -> Tensor:
        return x.new_full(x.shape[:-1], -float(self.matrix.trace()))

    def log_density(self, x: Tensor, t: float) -> Tensor:
        return log_normal(x, *self._law_placed(t))

    def score(self, x: Tensor, t: float) -> Tensor:
        return normal_score(x, *self._law_placed(t))

    def sample(self, n: int, t: float, generator: torch.Generator) -> Tensor:
        mean, covariance = self.law(t)
        z = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        return mean + z @ torch.linalg.cholesky(covariance).T

    def growth(self, t: float) -> float:
        """e^{t tr Θ}: by how much volumes shrink until t."""
        return math.exp(t * float(self.matrix.trace()))
