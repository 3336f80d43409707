"""The law of a linear recursion on a normal target, at every step and in closed form.

A sampler whose step is affine in its state keeps normal chains normal. In the eigenbasis of the target's covariance
the modes do not mix, and each is a recursion z' = Az + b + noise of covariance Q in q numbers (x, and what else the
sampler remembers):

    E z' = A E z + b,   Cov z' = A Cov(z) Aᵀ + Q.

So mean and variance of x are known after any number of steps, not only in the limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Density

Entry = Tensor | float


@dataclass(frozen=True)
class Modes:
    """A normal target in the eigenbasis of its covariance, float64.

    Attributes:
        mean: μ, (m,).
        variance: λ, (m,).
    """

    mean: Tensor
    variance: Tensor

    def noised(self, sigma: float) -> Modes:
        """The law of x + σε."""
        return Modes(self.mean, self.variance + sigma**2)


@dataclass(frozen=True)
class Affine:
    """One step for each mode: A (m, q, q), b (m, q), Q (m, q, q), or 1 in place of m."""

    A: Tensor
    b: Tensor
    Q: Tensor

    def then(self, other: Affine) -> Affine:
        """This step, and then the other."""
        b = (other.A @ self.b[..., None])[..., 0] + other.b
        return Affine(other.A @ self.A, b, other.A @ self.Q @ other.A.mT + other.Q)


@dataclass(frozen=True)
class Law:
    """The state's law for each mode; x is its first component.

    Attributes:
        mean: (m, q).
        covariance: (m, q, q).
    """

    mean: Tensor
    covariance: Tensor

    def after(self, step: Affine) -> Law:
        """The law one step later."""
        mean = (step.A @ self.mean[..., None])[..., 0] + step.b
        return Law(mean, step.A @ self.covariance @ step.A.mT + step.Q)


def affine(A: Sequence[Sequence[Entry]], b: Sequence[Entry], Q: Sequence[Sequence[Entry]]) -> Affine:
    """A step from its entries: numbers, or one value for each mode."""
    q = len(b)
    A_entries, Q_entries = ([entry for row in matrix for entry in row] for matrix in (A, Q))
    return Affine(_stack(A_entries, (q, q)), _stack(b, (q,)), _stack(Q_entries, (q, q)))


def independent(mean: Sequence[Entry], variance: Sequence[Entry], modes: int) -> Law:
    """A law with independent components, given for all modes or for each."""
    q = len(mean)
    means, variances = _stack(mean, (q,)), _stack(variance, (q,))
    return Law(means.expand(modes, q), variances.expand(modes, q).diag_embed())


def modes_of(density: Density) -> Modes | None:
    """Mean and variances in the eigenbasis of a normal density; None for any other.

    Normal is what has the score −Σ⁻¹(x − E x) with its own moments, tried at eight points.
    """
    density = density.at("cpu", "float64")
    mean, covariance = density.mean, density.covariance_matrix
    if mean is None or covariance is None or not density.integrates_by_parts:
        return None
    variance, Q = torch.linalg.eigh(covariance)
    x = mean + torch.randn(8, len(mean), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = ((mean - x) @ Q / variance) @ Q.T
    if not torch.allclose(density.score(x), expected, rtol=1e-6, atol=1e-8):
        return None
    return Modes(Q.T @ mean, variance)


def _stack(entries: Sequence[Entry], shape: tuple[int, ...]) -> Tensor:
    tensors = torch.broadcast_tensors(*(torch.as_tensor(entry, dtype=torch.float64) for entry in entries))
    return torch.stack([tensor.reshape(-1) for tensor in tensors], -1).unflatten(-1, shape)
