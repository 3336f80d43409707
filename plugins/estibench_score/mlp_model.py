"""A small score network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import silu

from estibench_score.model import Level, ScoreModel, affine, gaussian_matrix, unflatten


@dataclass(frozen=True)
class MLPModel(ScoreModel):
    """s(x, c) = W₃ φ(W₂ φ(W₁x + u c + b₁) + b₂) + b₃, φ = SiLU; c, the log of a noise level, is 0 unless given.

    Attributes:
        hidden: width of both hidden layers.
    """

    hidden: int = 32

    def _shapes(self) -> tuple[tuple[int, ...], ...]:
        m, h = self.dim, self.hidden
        return (h, m), (h,), (h,), (h, h), (h,), (m, h), (m,)

    @property
    def size(self) -> int:
        return sum(int(torch.Size(shape).numel()) for shape in self._shapes())

    def initial(self, generator: torch.Generator) -> Tensor:
        """Weights N(0, 2/inputs) for the layers before a SiLU, N(0, 1/inputs) for the last; u and biases small."""
        m, h = self.dim, self.hidden
        small = [0.1 * torch.randn(size, generator=generator, dtype=torch.float64) for size in (h, h, h, m)]
        W1, W2, W3 = (gaussian_matrix(*shape, generator) for shape in ((h, m), (h, h), (m, h)))
        parts = (2**0.5 * W1, small[0], small[1], 2**0.5 * W2, small[2], W3, small[3])
        return torch.cat([part.flatten() for part in parts])

    def score(self, theta: Tensor, x: Tensor, level: Level = 0.0) -> Tensor:
        W1, u, b1, W2, b2, W3, b3 = unflatten(theta, *self._shapes())
        first = _first(x, level, W1, u, b1)
        return affine(silu(affine(silu(first), W2, b2)), W3, b3)

    def with_divergence(self, theta: Tensor, x: Tensor, level: Level = 0.0) -> tuple[Tensor, Tensor]:
        """∇s = W₃D₂W₂D₁W₁, so that tr ∇s = d₂ᵀ(W₂ ∘ (W₁W₃)ᵀ)d₁, d the slopes φ′: O(h²) for a point."""
        W1, u, b1, W2, b2, W3, b3 = unflatten(theta, *self._shapes())
        lower, slope1 = _silu_and_slope(_first(x, level, W1, u, b1))
        upper, slope2 = _silu_and_slope(affine(lower, W2, b2))
        trace = (slope2 * (slope1 @ (W2.mT * (W1 @ W3)))).sum(-1)
        return affine(upper, W3, b3), trace


def _first(x: Tensor, level: Level, W: Tensor, u: Tensor, b: Tensor) -> Tensor:
    """What the first layer's non-linearity is given."""
    first = affine(x, W, b)
    return first + level * u if isinstance(level, Tensor) or level != 0.0 else first


def _silu_and_slope(x: Tensor) -> tuple[Tensor, Tensor]:
    """φ = xσ(x) and φ′ = σ + φ(1 − σ)."""
    gate = x.sigmoid()
    value = x * gate
    return value, gate + value * (1 - gate)
