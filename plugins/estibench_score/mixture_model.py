"""The score of a mixture of isotropic Gaussians with free weights, means and scales."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench_score.model import Level, ScoreModel, unflatten


@dataclass(frozen=True)
class MixtureModel(ScoreModel):
    """s(x) = Σ_k r_k(x) τ_k(μ_k − x), r_k ∝ w_k N(x; μ_k, I/τ_k); θ = (log w, μ, log τ), p = K(m + 2).

    Attributes:
        components: K.
    """

    components: int = 5

    @property
    def size(self) -> int:
        return self.components * (self.dim + 2)

    def initial(self, generator: torch.Generator) -> Tensor:
        K = self.components
        logits = 0.3 * torch.randn(K, generator=generator, dtype=torch.float64)
        means = 1.5 * torch.randn(K, self.dim, generator=generator, dtype=torch.float64)
        log_precisions = 0.2 * torch.randn(K, generator=generator, dtype=torch.float64)
        return torch.cat([logits, means.flatten(), log_precisions])

    def score(self, theta: Tensor, x: Tensor, level: Level = 0.0) -> Tensor:
        joint, precise, tau = self._joint(theta, x)
        r = joint.softmax(-1)
        return r @ precise - (r * tau).sum(-1, keepdim=True) * x

    def log_density(self, theta: Tensor, x: Tensor) -> Tensor:
        return self._joint(theta, x)[0].logsumexp(-1)

    def _joint(self, theta: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log w_k N(x; μ_k, I/τ_k) up to a constant, (..., K); τ_k μ_k, (K, m); τ, (K,)."""
        K, m = self.components, self.dim
        logits, means, log_precisions = unflatten(theta, (K,), (K, m), (K,))
        tau = log_precisions.exp()
        precise = tau[:, None] * means
        offsets = logits + 0.5 * m * log_precisions - 0.5 * (precise * means).sum(-1)
        return offsets + x @ precise.mT - 0.5 * x.square().sum(-1, keepdim=True) * tau, precise, tau
