"""A lower bound of the evidence at a normal approximation, for one datum or for many: what estimators are given."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property

import torch
from torch import Tensor

from estibench import Unsupported, count


class Bound(ABC):
    """L_K = E log (1/K) Σ_k w(z_k) with independent z_k ~ q = N(μ, diag e^(2λ)), w(z) = p(x, z)/q(z), p(z) = N(0, I).

    μ and λ are (*data, m): one datum, data = (), or a minibatch, data = (batch,), each with a q of its own. L_1 is the
    evidence lower bound (ELBO); L_K rises to log p(x).

    Attributes:
        importance_samples: K.
    """

    importance_samples: int

    @property
    @abstractmethod
    def mu(self) -> Tensor:
        """μ, (*data, m), on the problem's device in its dtype."""

    @property
    @abstractmethod
    def log_sigma(self) -> Tensor:
        """λ, (*data, m), on the problem's device in its dtype."""

    @abstractmethod
    def log_likelihood(self, z: Tensor) -> Tensor:
        """log p(x | z): (..., *data, m) → (..., *data), differentiable. Estimators call what follows: it counts."""

    def likelihood_gradient(self, z: Tensor) -> Tensor:
        """∇_z log p(x | z), like z. Counts nothing. Override where a closed form is known."""
        found: Tensor = torch.func.grad(lambda y: self.log_likelihood(y).sum())(z)
        return found

    @cached_property
    def sigma(self) -> Tensor:
        """σ = e^λ, (*data, m)."""
        return self.log_sigma.exp()

    def sample(self, shape: tuple[int, ...], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """ε ~ N(0, I) and z = μ + σε, each (*shape, *data, m)."""
        mu = self.mu
        noise = torch.randn((*shape, *mu.shape), generator=generator, device=generator.device, dtype=mu.dtype)
        return noise, mu + self.sigma * noise

    def log_weight(self, z: Tensor) -> Tensor:
        """log w: (..., *data, m) → (..., *data). An `evaluation` and a `sweep` for each point."""
        _count(z, evaluation=1, sweep=1)
        return self.log_w(z)

    def score(self, z: Tensor) -> Tensor:
        """∇_z log p(x, z), like z. A `gradient`, two `sweep`s, for each point: forth and back."""
        return self.likelihood_score(z) - z

    def likelihood_score(self, z: Tensor) -> Tensor:
        """∇_z log p(x | z), like z. A `gradient`, two `sweep`s, for each point."""
        _count(z, gradient=1, sweep=2)
        return self.likelihood_gradient(z)

    def log_weight_and_score(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Both of them, (..., *data) and like z. An `evaluation` and a `gradient`, two `sweep`s, for each point."""
        _count(z, evaluation=1, gradient=1, sweep=2)
        return self.log_w(z), self.likelihood_gradient(z) - z

    def log_w(self, z: Tensor) -> Tensor:
        """log p(x | z) + log N(z; 0, I) − log q(z), of which (2π)^(−m/2) cancels: as `log_weight`, counting nothing."""
        noise = (z - self.mu) / self.sigma
        return self.log_likelihood(z) + 0.5 * (noise.square() - z.square()).sum(-1) + self.log_sigma.sum(-1)


def _count(z: Tensor, **units: int) -> None:
    points = math.prod(z.shape[:-1])
    for unit, amount in units.items():
        count(unit, amount * points)


def require_elbo(bound: Bound) -> None:
    """Raises `Unsupported` for a bound of more than one importance sample."""
    if bound.importance_samples > 1:
        raise Unsupported(
            f"it estimates the gradient of the ELBO; for a bound of {bound.importance_samples} importance samples "
            "take iwae or dreg"
        )
