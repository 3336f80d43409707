"""Symmetric matrices with a chosen spectrum in a random basis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from estibench_trace.contract import MatrixProblem, Sums

Spectrum = Literal["flat", "poly", "exp", "step", "low_rank", "identity", "indefinite"]
STEPS = 50
DEFAULT_RATES: dict[str, float | None] = {
    "flat": None,
    "poly": 2.0,
    "exp": 0.7,
    "step": 1e-3,
    "low_rank": 10,
    "identity": 1.0,
    "indefinite": 1e-3,
}


@dataclass(frozen=True, kw_only=True)
class Matrix(MatrixProblem):
    """A = U diag(λ) Uᵀ with a Haar-distributed orthogonal U. Truth: Σ λ_i, shape (1,).

    Parameters:
        spectrum: λ_i for i = 1 … m, with c the `rate`:
            flat: linearly from 1 to 3. poly: i^−c. exp: c^(i−1). step: 1 for i ≤ 50, then c. low_rank: 1 for i ≤ c,
            then 0. identity: c. indefinite: linearly from −1 to 1, plus c, so that the trace is c m.
        rate: c; default 2 (poly), 0.7 (exp), 1e-3 (step), 10 (low_rank), 1 (identity), 1e-3 (indefinite).
    """

    spectrum: Spectrum = "flat"
    rate: float | None = None

    citation = "Spectra of Epperly, Tropp and Webber 2024, section 3.1, and of Meyer et al. 2021, section 5."

    def __post_init__(self) -> None:
        if self.spectrum == "flat" and self.rate is not None:
            raise ValueError("the flat spectrum has no rate")
        if self.spectrum == "low_rank" and not 1 <= self._c <= self.dim:
            raise ValueError(f"rank {self._c:g} does not fit into dimension {self.dim}")

    @property
    def _c(self) -> float:
        chosen = DEFAULT_RATES[self.spectrum] if self.rate is None else self.rate
        return 0.0 if chosen is None else chosen

    @cached_property
    def eigenvalues(self) -> Tensor:
        """λ, (dim,), float64."""
        i = torch.arange(1, self.dim + 1, dtype=torch.float64)
        c = self._c
        match self.spectrum:
            case "flat":
                return torch.linspace(1, 3, self.dim, dtype=torch.float64)
            case "poly":
                return i**-c
            case "exp":
                return c ** (i - 1)
            case "step":
                return torch.where(i <= STEPS, torch.ones_like(i), torch.full_like(i, c))
            case "low_rank":
                return (i <= c).to(torch.float64)
            case "identity":
                return torch.full_like(i, c)
            case "indefinite":
                return torch.linspace(-1, 1, self.dim, dtype=torch.float64) + c

    @cached_property
    def matrix(self) -> Tensor:
        U = haar_orthogonal(self.dim, self.data_generator())
        if self.spectrum == "identity":
            return torch.diag(self.eigenvalues)
        A = (U * self.eigenvalues) @ U.T
        return (A + A.T) / 2

    @property
    def psd(self) -> bool:
        return bool((self.eigenvalues >= 0).all())

    @cached_property
    def truth(self) -> Tensor:
        return self.eigenvalues.sum()[None]

    @property
    def truth_source(self) -> str:
        return "closed form: the sum of the eigenvalues"

    @cached_property
    def sums(self) -> Sums:
        """Closed forms: ‖A‖²_F = Σ λ_i²."""
        diagonal = self.matrix.diagonal().square().sum()[None]
        frobenius = self.eigenvalues.square().sum()[None]
        return Sums(frobenius, frobenius, diagonal, self.truth)


def haar_orthogonal(dim: int, generator: torch.Generator) -> Tensor:
    """A uniformly distributed orthogonal matrix, (dim, dim), float64 (Mezzadri 2007)."""
    Q, R = torch.linalg.qr(torch.randn(dim, dim, generator=generator, dtype=torch.float64))
    return Q * R.diagonal().sign()
