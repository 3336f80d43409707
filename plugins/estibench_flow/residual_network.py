"""An invertible residual network whose blocks are contractions throughout training, with weights side by side.

A layer scales and shifts, then adds a residual (Behrmann et al. 2019; Chen et al. 2019):

    y = e^s ∘ x + t,   z = y + g(y),   g(y) = c Ŵ₂ a(Ŵ₁ y + b),   a(u) = u sigmoid(βu)/1.1,

with β = e^r > 0 and Ŵ = W min(1, 1/‖W‖_S).

|a'| ≤ 1, and ‖W‖_S = (tr (WᵀW)^q)^{1/2q} with q = 32 is at least the largest singular value and at most m^{1/64}
times it, 1.07 for m = 64. So Lip(g) ≤ c whatever the weights are, by products of small matrices alone: no power
iteration that would have to keep up with training. With D = diag a', J = c Ŵ₂ D Ŵ₁ and, smaller where h < m,
det(I_m + J) = det(I_h + c D Ŵ₁ Ŵ₂).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench_flow.matrices import log_abs_det

Parameters = tuple[Tensor, ...]

STEEPEST = 1.1  # of u sigmoid(βu), whatever β is: 1.0998
SQUARINGS = 5
CLOSE, MOST = 1e-9, 2000  # of a fixed-point iteration


@dataclass(frozen=True)
class Layer:
    """One layer, its residual's weights bounded. Leading dimensions of weights are networks side by side.

    Attributes:
        W1, b, W2: Ŵ₁ (..., h, m), b (..., h), c Ŵ₂ (..., m, h).
        beta: β, (..., 1): how sharp the bend of the activation is.
        s, t: (..., m) each.
    """

    W1: Tensor
    b: Tensor
    W2: Tensor
    beta: Tensor
    s: Tensor
    t: Tensor

    def scaled(self, x: Tensor) -> Tensor:
        """y, (..., points, m)."""
        return x * self.s[..., None, :].exp() + self.t[..., None, :]

    def residual(self, y: Tensor) -> Tensor:
        """g(y), (..., points, m)."""
        u = self._inner(y)
        return (u * self._gate(u) / STEEPEST) @ self.W2.mT

    def log_det(self, y: Tensor) -> Tensor:
        """log|det(I + J(y))|, (..., points)."""
        u = self._inner(y)
        gate = self._gate(u)
        d = gate * (1 + self.beta[..., None] * u * (1 - gate)) / STEEPEST  # (..., points, h)
        h, m = self.W1.shape[-2:]
        if h < m:
            small = d[..., :, None] * (self.W1 @ self.W2)[..., None, :, :]
        else:
            small = (self.W2[..., None, :, :] * d[..., None, :]) @ self.W1[..., None, :, :]
        return log_abs_det(torch.eye(min(h, m), dtype=y.dtype, device=y.device) + small)

    def inverse(self, z: Tensor) -> Tensor:
        """x from z, (..., points, m), by y ← z − g(y), which converges like c^n."""
        y = z
        for _ in range(MOST):
            before, y = y, z - self.residual(y)
            if not bool((y - before).abs().max() > CLOSE):  # nor where it is not a number
                break
        return (y - self.t[..., None, :]) * (-self.s[..., None, :]).exp()

    def _inner(self, y: Tensor) -> Tensor:
        return y @ self.W1.mT + self.b[..., None, :]

    def _gate(self, u: Tensor) -> Tensor:
        return torch.sigmoid(self.beta[..., None] * u)


@dataclass(frozen=True)
class ResidualNetwork:
    """Sizes: m, h, the number of layers and c."""

    dim: int
    hidden: int
    blocks: int
    lipschitz: float

    def initial(self, generator: torch.Generator) -> Parameters:
        """W₁ (L, h, m), b (L, h), W₂ (L, m, h), r (L, 1), s and t (L, m) of L layers, float64: small residuals, the
        others 0."""
        L, h, m = self.blocks, self.hidden, self.dim
        W1, b, W2 = (
            torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((L, h, m), (L, h), (L, m, h))
        )
        r, s, t = (torch.zeros(L, n, dtype=torch.float64) for n in (1, m, m))
        return W1 / m**0.5, b, 0.1 * W2 / h**0.5, r, s, t

    def layers(self, parameters: Parameters) -> Iterator[Layer]:
        """From data to prior."""
        W1, b, W2, r, s, t = parameters
        W1, W2 = bounded(W1), self.lipschitz * bounded(W2)
        for parts in zip(
            *(one.unbind(axis) for one, axis in ((W1, -3), (b, -2), (W2, -3), (r.exp(), -2), (s, -2), (t, -2))),
            strict=True,
        ):
            yield Layer(*parts)


def bounded(W: Tensor) -> Tensor:
    """W with a spectral norm of at most 1, (..., n, k)."""
    return W / norm_bound(W).clamp(min=1)[..., None, None]


def norm_bound(W: Tensor) -> Tensor:
    """(tr (WᵀW)^q)^{1/2q}, q = 2^SQUARINGS: at least the largest singular value of W (..., n, k) → (...)."""
    A = W.mT @ W if W.shape[-1] <= W.shape[-2] else W @ W.mT
    log, power = W.new_zeros(W.shape[:-2]), 1
    for k in range(SQUARINGS + 1):
        A, power = (A @ A, 2 * power) if k else (A, power)
        trace = A.diagonal(dim1=-2, dim2=-1).sum(-1).clamp(min=torch.finfo(W.dtype).tiny)  # of W = 0 too
        log = log + trace.log() / power  # traces are divided out, so that nothing under- or overflows
        A = A / trace[..., None, None]
    return (log / 2).exp()
