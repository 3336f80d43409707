"""Closed forms along the geometric path between two normals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Density

PROBES = 8


@dataclass(frozen=True)
class NormalPath:
    """π_β ∝ q^(1−β) γ^β with q = N(0, s² I) and γ = Z N(Qμ, Q diag(λ) Qᵀ): a normal law at every β.

    In the eigenbasis of the target each direction stands by itself. With the precision a = β/λ + (1 − β)/s² it has the
    mean βμ/(λa) and the variance 1/a. K(β) = log ∫ q^(1−β) γ^β generates the cumulants of U = log γ − log q:

        E_β e^(tU) = e^(K(β+t) − K(β)),   E_β U = K′(β),   Var_β U = K″(β).

    β may exceed 1. Where some a is not positive the integral diverges, and K(β) = ∞.

    Attributes:
        mean: μ, (m,).
        variance: λ, (m,).
        basis: Q, (m, m).
        proposal_variance: s².
        log_z: log Z.
    """

    mean: Tensor
    variance: Tensor
    basis: Tensor
    proposal_variance: float
    log_z: float

    def _precision(self, beta: float | Tensor) -> Tensor:
        return beta / self.variance + (1 - beta) / self.proposal_variance

    def log_integral(self, beta: float) -> float:
        """K(β), of each direction ½ log(s²/λ) β − ½ log(s² a) − ½ βμ²/λ + ½ (βμ/λ)²/a, and β log Z."""
        s_2, a = self.proposal_variance, self._precision(beta)
        if bool((a <= 0).any()):
            return math.inf
        pull = beta * self.mean / self.variance
        each = beta * (s_2 / self.variance).log() - (s_2 * a).log() - self.mean * pull + pull.square() / a
        return float(0.5 * each.sum()) + beta * self.log_z

    def moments(self, beta: float) -> tuple[float, float]:
        """E_β U and Var_β U.

        U = Σ ½ log(s²/λ) − ½(x − μ)²/λ + ½ x²/s² + log Z; with x = m + z/√a, d = 1/λ − 1/s² and c = μ/λ − d m it is
        a number, c z/√a and −½ d z²/a, of variance c²/a + ½ (d/a)².
        """
        a, s_2 = self._precision(beta), self.proposal_variance
        m = beta * self.mean / (self.variance * a)
        d = 1 / self.variance - 1 / s_2
        c = self.mean / self.variance - d * m
        each = (s_2 / self.variance).log() - (m - self.mean).square() / self.variance + m.square() / s_2 - d / a
        return float(0.5 * each.sum()) + self.log_z, float((c.square() / a + 0.5 * (d / a).square()).sum())

    def sample(self, beta: float | Tensor, n: int, generator: torch.Generator) -> Tensor:
        """n independent points of π_β, (n, m). β is a number, or (n,), one for each."""
        if isinstance(beta, Tensor):
            beta = beta[:, None]
        a = self._precision(beta)
        z = torch.randn(n, len(self.mean), generator=generator, device=generator.device, dtype=self.mean.dtype)
        return (beta * self.mean / (self.variance * a) + z / a.sqrt()) @ self.basis.mT


def normal_path(
    density: Density, log_z: float, proposal_scale: float, place: Callable[[Tensor], Tensor]
) -> NormalPath | None:
    """The path to γ = exp(log_prob) of a normal density; None for any other.

    Normal is what has the score −Σ⁻¹(x − E x) with its own moments, tried at eight points.

    Args:
        place: float64 data onto a device and into a dtype.
    """
    density = density.at("cpu", "float64")
    mean, covariance = density.mean, density.covariance_matrix
    if mean is None or covariance is None or not density.integrates_by_parts:
        return None
    variance, Q = torch.linalg.eigh(covariance)
    x = mean + torch.randn(PROBES, len(mean), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    if not torch.allclose(density.score(x), ((mean - x) @ Q / variance) @ Q.mT, rtol=1e-6, atol=1e-8):
        return None
    return NormalPath(place(mean @ Q), place(variance), place(Q), proposal_scale**2, log_z)
