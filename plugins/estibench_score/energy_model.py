"""A score that is the gradient of an energy network: the model that curvature propagation needs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench_score.model import Level, ScoreModel, affine, gaussian_matrix, unflatten


@dataclass(frozen=True)
class EnergyModel(ScoreModel):
    """log q = cᵀφ(W₂ φ(W₁x + b₁) + b₂) − ½a‖x‖², φ = softplus; s = W₁ᵀ(φ′(u₁) ∘ W₂ᵀ(φ′(u₂) ∘ c)) − a x.

    θ = (W₁, b₁, W₂, b₂, c, a).

    Attributes:
        hidden: width of both hidden layers.
    """

    hidden: int = 32

    def _shapes(self) -> tuple[tuple[int, ...], ...]:
        m, h = self.dim, self.hidden
        return (h, m), (h,), (h, h), (h,), (h,), (1,)

    @property
    def size(self) -> int:
        return sum(int(torch.Size(shape).numel()) for shape in self._shapes())

    @property
    def hidden_width(self) -> int:
        return self.hidden

    def initial(self, generator: torch.Generator) -> Tensor:
        m, h = self.dim, self.hidden
        W1, W2 = 2 * gaussian_matrix(h, m, generator), 2 * gaussian_matrix(h, h, generator)
        b1, b2, c = (torch.randn(h, generator=generator, dtype=torch.float64) for _ in range(3))
        return torch.cat([part.flatten() for part in (W1, b1, W2, b2, c, torch.ones(1, dtype=torch.float64))])

    def score(self, theta: Tensor, x: Tensor, level: Level = 0.0) -> Tensor:
        W1, b1, W2, b2, c, a = unflatten(theta, *self._shapes())
        u1 = affine(x, W1, b1)
        u2 = affine(torch.nn.functional.softplus(u1), W2, b2)
        return (u1.sigmoid() * ((u2.sigmoid() * c) @ W2)) @ W1 - a * x

    def log_density(self, theta: Tensor, x: Tensor) -> Tensor:
        W1, b1, W2, b2, c, a = unflatten(theta, *self._shapes())
        softplus = torch.nn.functional.softplus
        return softplus(affine(softplus(affine(x, W1, b1)), W2, b2)) @ c - 0.5 * a[0] * x.square().sum(-1)

    def propagate_curvature(self, theta: Tensor, x: Tensor, noise: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """s and S·T − a m, E[S Tᵀ] = ∇s + a I, by one backward sweep that adds noise at every non-linearity.

        At a layer z = φ(u) whose output has Hessian E[S Tᵀ] and gradient g, the input has the Hessian
        φ′ E[S Tᵀ] φ′ + diag(φ″ g): so S ← φ′S + v and T ← φ′T + φ″g ∘ v with fresh noise v, E[vvᵀ] = I. The paper puts
        √(φ″g) on both sides, complex where negative and with an unbounded gradient at 0; putting it all on one side has
        the same mean and stays smooth.

        Args:
            noise: v for the lower and the upper layer, each (..., hidden).
        """
        W1, b1, W2, b2, c, a = unflatten(theta, *self._shapes())
        v1, v2 = noise
        u1 = affine(x, W1, b1)
        slope1 = u1.sigmoid()
        slope2 = affine(torch.nn.functional.softplus(u1), W2, b2).sigmoid()
        g1 = (slope2 * c) @ W2
        s = (slope1 * g1) @ W1 - a * x
        S = slope1 * (v2 @ W2) + v1
        T = slope1 * ((slope2 * (1 - slope2) * c * v2) @ W2) + slope1 * (1 - slope1) * g1 * v1
        return s, ((S @ W1) * (T @ W1)).sum(-1) - a[0] * self.dim
