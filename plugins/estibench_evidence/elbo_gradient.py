"""The contract of `elbo_gradient`: a model with latents, a normal approximation of its posterior, and a bound."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import PositiveInt, Problem, Unsupported, count
from estibench_evidence.quadratic import Quadratic


@dataclass(frozen=True, kw_only=True)
class ElboGradientProblem(Problem):
    """∇_(μ, λ) L_K of a bound of log p(x), L_K = E log (1/K) Σ_k w(z_k) with independent z_k ~ q = N(μ, diag e^(2λ)).

    w(z) = p(x, z)/q(z), p(z) = N(0, I) on R^m, m = dim. L_1 is the evidence lower bound (ELBO); L_K rises to log p(x).
    The truth is ∂L/∂μ, then ∂L/∂λ: (2m,).

    Parameters:
        importance_samples: K.
    """

    dim: PositiveInt = 4
    importance_samples: PositiveInt = 1

    @property
    @abstractmethod
    def mu(self) -> Tensor:
        """μ, (dim,), on the problem's device in its dtype."""

    @property
    @abstractmethod
    def log_sigma(self) -> Tensor:
        """λ, (dim,), on the problem's device in its dtype."""

    @abstractmethod
    def log_likelihood(self, z: Tensor) -> Tensor:
        """log p(x | z): (..., dim) → (...), differentiable. Counts nothing: estimators call what follows."""

    def likelihood_gradient(self, z: Tensor) -> Tensor:
        """∇_z log p(x | z): (..., dim) → (..., dim). Counts nothing. Override where a closed form is known."""
        found: Tensor = torch.func.grad(lambda y: self.log_likelihood(y).sum())(z)
        return found

    @property
    def quadratic(self) -> Quadratic | None:
        """log w as a quadratic function of ε, in float64 on the CPU, for formulas of claims; None where it is none."""
        return None

    @cached_property
    def sigma(self) -> Tensor:
        """σ = e^λ, (dim,)."""
        return self.log_sigma.exp()

    def sample(self, shape: tuple[int, ...], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """ε ~ N(0, I) and z = μ + σε, each (*shape, dim)."""
        noise = torch.randn((*shape, self.dim), generator=generator, device=generator.device, dtype=self.torch_dtype)
        return noise, self.mu + self.sigma * noise

    def log_weight(self, z: Tensor) -> Tensor:
        """log w: (..., dim) → (...). An `evaluation` and a `sweep` for each point."""
        _count(z, evaluation=1, sweep=1)
        return self._log_weight(z)

    def score(self, z: Tensor) -> Tensor:
        """∇_z log p(x, z): (..., dim) → (..., dim). A `gradient`, two `sweep`s, for each point: forth and back."""
        return self.likelihood_score(z) - z

    def likelihood_score(self, z: Tensor) -> Tensor:
        """∇_z log p(x | z): (..., dim) → (..., dim). A `gradient`, two `sweep`s, for each point."""
        _count(z, gradient=1, sweep=2)
        return self.likelihood_gradient(z)

    def log_weight_and_score(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Both of them, (...) and (..., dim). An `evaluation` and a `gradient`, two `sweep`s, for each point."""
        _count(z, evaluation=1, gradient=1, sweep=2)
        return self._log_weight(z), self.likelihood_gradient(z) - z

    def _log_weight(self, z: Tensor) -> Tensor:
        """log p(x | z) + log N(z; 0, I) − log q(z); of the two normals (2π)^(−m/2) cancels."""
        noise = (z - self.mu) / self.sigma
        return self.log_likelihood(z) + 0.5 * (noise.square() - z.square()).sum(-1) + self.log_sigma.sum()

    def prepare(self) -> None:
        self.log_weight_and_score(self.mu[None])


def _count(z: Tensor, **units: int) -> None:
    points = math.prod(z.shape[:-1])
    for unit, amount in units.items():
        count(unit, amount * points)


def require_elbo(problem: ElboGradientProblem) -> None:
    """Raises `Unsupported` for a bound of more than one importance sample."""
    if problem.importance_samples > 1:
        raise Unsupported(
            f"it estimates the gradient of the ELBO; for a bound of {problem.importance_samples} importance samples "
            "take iwae or dreg"
        )
