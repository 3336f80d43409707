"""The network behind neural fields: two tanh layers that see the time, with weights in one vector.

With W₁ (h, m), u (h,), b₁ (h,), W₂ (h, h), b₂ (h,), W₃ (m, h), b₃ (m,):

    f(t, z) = W₃ tanh(W₂ tanh(W₁ z + u t + b₁) + b₂) + b₃,
    div f = d₂ᵀ (W₂ ∘ (W₁ W₃)ᵀ) d₁,   d = 1 − tanh² of each layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench_flow.field import Dynamics


@dataclass(frozen=True)
class Network:
    """Sizes of the network. Weights θ are (..., p): leading dimensions are networks side by side, as for many runs."""

    dim: int
    hidden: int

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of W₁, u, b₁, W₂, b₂, W₃, b₃."""
        m, h = self.dim, self.hidden
        return (h, m), (h,), (h,), (h, h), (h,), (m, h), (m,)

    @property
    def parameters(self) -> int:
        """p."""
        return sum(math.prod(shape) for shape in self.shapes)

    def initial(self, generator: torch.Generator, scale: float = 1.0) -> Tensor:
        """Random θ, (p,), float64: variances 1/inputs, W₃ times `scale` in size, b₃ = 0."""
        parts = []
        for index, shape in enumerate(self.shapes):
            part = torch.randn(shape, generator=generator, dtype=torch.float64)
            if len(shape) == 2:
                part = part / shape[1] ** 0.5
            factor = {5: scale, 6: 0.0}.get(index, 1.0)
            parts.append((factor * part).reshape(-1))
        return torch.cat(parts)

    def weights(self, theta: Tensor) -> list[Tensor]:
        """W₁, u, b₁, W₂, b₂, W₃, b₃ from θ, each with its leading dimensions."""
        sizes = [math.prod(shape) for shape in self.shapes]
        parts = theta.split(sizes, -1)
        return [part.unflatten(-1, shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def dynamics(self, theta: Tensor) -> Dynamics:
        """f_θ on z (..., points, m), whose leading dimensions are those of θ (..., p)."""
        W1, u, b1, W2, b2, W3, b3 = self.weights(theta)
        u, b1, b2, b3 = (vector[..., None, :] for vector in (u, b1, b2, b3))

        def field(t: Tensor, z: Tensor) -> Tensor:
            hidden = torch.tanh(z @ W1.mT + (b1 + t * u))
            return torch.tanh(hidden @ W2.mT + b2) @ W3.mT + b3

        return field

    def divergence(self, theta: Tensor) -> Dynamics:
        """div f_θ in closed form: (t, z (..., points, m)) → (..., points), leading dimensions as for `dynamics`."""
        W1, u, b1, W2, b2, W3, _ = self.weights(theta)
        u, b1, b2 = (vector[..., None, :] for vector in (u, b1, b2))
        M = W2 * (W1 @ W3).mT

        def divergence(t: Tensor, z: Tensor) -> Tensor:
            first = torch.tanh(z @ W1.mT + (b1 + t * u))
            second = torch.tanh(first @ W2.mT + b2)
            return ((1 - second.square()) * ((1 - first.square()) @ M.mT)).sum(-1)

        return divergence
