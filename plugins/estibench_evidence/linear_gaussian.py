"""Factor analysis: a linear decoder of normal latents, of which everything is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import NonNegativeFloat, PositiveFloat, PositiveInt
from estibench_evidence.elbo_gradient import ElboGradientProblem
from estibench_evidence.quadratic import Quadratic

MOST = 2  # dimensions in which bounds of several samples are integrated


@dataclass(frozen=True, kw_only=True)
class LinearGaussian(ElboGradientProblem):
    """p(x | z) = N(Wz + b, s² I) on R^D. The posterior is N(m, P⁻¹), P = I + WᵀW/s², m = P⁻¹Wᵀ(x − b)/s².

    Truth of the ELBO's gradient: ∂μ = P(m − μ), ∂λ_j = 1 − e^(2λ_j) P_jj. Of a bound of several samples: quadrature, in
    at most two dimensions.

    W, b, z and x come from the seed. The best normal with independent coordinates has μ = m and e^(−2λ_j) = P_jj; q
    lies `offset` from there.

    Parameters:
        data_dim: D, no less than dim.
        noise: s.
        orthogonal: columns of W at right angles, so that q can be the posterior.
        offset: of μ from its best, in standard deviations of q, to a side from the seed; half of it is added to λ.
    """

    data_dim: PositiveInt = 16
    noise: PositiveFloat = 1.0
    orthogonal: bool = False
    offset: NonNegativeFloat = 0.5

    citation = "Bishop 2006, Pattern recognition and machine learning, section 12.2; Roeder, Wu and Duvenaud 2017."
    examples = ({"dim": 3, "data_dim": 5}, {"dim": 1, "data_dim": 3, "importance_samples": 5})

    def __post_init__(self) -> None:
        if self.data_dim < self.dim:
            raise ValueError(f"data_dim must be dim ({self.dim}) or more, got {self.data_dim}")
        if self.importance_samples > 1 and self.dim > MOST:
            raise ValueError(f"bounds of several importance samples are known up to dim {MOST}, got {self.dim}")

    @cached_property
    def _data(self) -> tuple[Tensor, Tensor, Tensor]:
        """W (D, m), x − b (D,) and the sides of the offset (m,), ±1; float64."""
        generator = self.data_generator()

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, dtype=torch.float64)

        W = normal(self.data_dim, self.dim)
        if self.orthogonal:
            W = torch.linalg.qr(W).Q * torch.linspace(1, 2, self.dim, dtype=torch.float64)
        x = W @ normal(self.dim) + self.noise * normal(self.data_dim)
        return W, x, torch.where(normal(self.dim) > 0, 1.0, -1.0).to(torch.float64)

    @cached_property
    def _approximation(self) -> tuple[Tensor, Tensor]:
        """μ and λ, (m,) each, float64."""
        W, x, side = self._data
        P = self._precision
        best = -0.5 * P.diagonal().log()
        log_sigma = best + self.offset / 2
        return torch.linalg.solve(P, W.mT @ x / self.noise**2) + self.offset * side * log_sigma.exp(), log_sigma

    @property
    def _precision(self) -> Tensor:
        W = self._data[0]
        return torch.eye(self.dim, dtype=torch.float64) + W.mT @ W / self.noise**2

    @cached_property
    def _placed_data(self) -> tuple[Tensor, Tensor]:
        return self.place(self._data[0]), self.place(self._data[1])

    @cached_property
    def mu(self) -> Tensor:
        return self.place(self._approximation[0])

    @cached_property
    def log_sigma(self) -> Tensor:
        return self.place(self._approximation[1])

    def log_likelihood(self, z: Tensor) -> Tensor:
        W, x = self._placed_data
        constant = self.data_dim * math.log(self.noise * math.sqrt(2 * math.pi))
        return -0.5 * ((x - z @ W.mT) / self.noise).square().sum(-1) - constant

    def likelihood_gradient(self, z: Tensor) -> Tensor:
        W, x = self._placed_data
        return (x - z @ W.mT) @ W / self.noise**2

    @cached_property
    def quadratic(self) -> Quadratic:
        W, x, _ = self._data
        mu, log_sigma = self._approximation
        P, sigma = self._precision, log_sigma.exp()
        a = sigma * (W.mT @ x / self.noise**2 - P @ mu)
        B = sigma[:, None] * P * sigma - torch.eye(self.dim, dtype=torch.float64)
        c = self.at("cpu", "float64").log_w(mu)
        return Quadratic(float(c), a, B, sigma)

    @cached_property
    def truth(self) -> Tensor:
        K = self.importance_samples
        return self.quadratic.elbo_gradient if K == 1 else self.quadratic.bound_gradient(K)

    @property
    def truth_source(self) -> str:
        return "closed form" if self.importance_samples == 1 else "quadrature over u and over the noise"

    @property
    def magnitude(self) -> float:
        """‖∇_z log p‖ is a difference of W's products with x and with Wμ; 1 in each λ is one too."""
        W, x, _ = self._data
        sizes = W.abs().mT @ (x.abs() + W.abs() @ self._approximation[0].abs()) / self.noise**2
        return float(sizes.norm()) + self.dim
