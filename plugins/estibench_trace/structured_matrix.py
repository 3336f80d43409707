"""Matrices with structure that favours or defeats an estimator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from estibench_trace.contract import MatrixProblem, Sums


@dataclass(frozen=True, kw_only=True)
class StructuredMatrix(MatrixProblem):
    """A matrix given entry by entry. Truth: the sum of its diagonal, shape (1,).

    Parameters:
        structure:
            diagonal: 1, 2, …, m over m. Rademacher probes are exact on it.
            dominant: the same diagonal, and symmetric Gaussian entries of variance 1/(16m) beside it.
            skew: (B − Bᵀ)/√(2m), B Gaussian. The trace is 0, and every quadratic form with it too.
            triangular: ones on the diagonal and Gaussian entries of size m^(−1/2) above it: far from normal.
            tridiagonal: 2 + shift on the diagonal and −1 beside it: the discrete Laplacian.
        shift: only for tridiagonal.
    """

    structure: Literal["diagonal", "dominant", "skew", "triangular", "tridiagonal"] = "tridiagonal"
    shift: float = 0.0

    def __post_init__(self) -> None:
        if self.shift and self.structure != "tridiagonal":
            raise ValueError(f"{self.structure} has no shift")

    @cached_property
    def matrix(self) -> Tensor:
        m = self.dim
        gaussian = torch.randn(m, m, generator=self.data_generator(), dtype=torch.float64)
        match self.structure:
            case "diagonal":
                return torch.diag(torch.arange(1, m + 1, dtype=torch.float64) / m)
            case "dominant":
                beside = gaussian.triu(1) / (16 * m) ** 0.5
                return torch.diag(torch.arange(1, m + 1, dtype=torch.float64) / m) + beside + beside.T
            case "skew":
                return (gaussian - gaussian.T) / (2 * m) ** 0.5
            case "triangular":
                return torch.eye(m, dtype=torch.float64) + gaussian.triu(1) / m**0.5
            case "tridiagonal":
                beside = torch.diag(torch.full((m - 1,), -1.0, dtype=torch.float64), 1)
                return torch.diag(torch.full((m,), 2.0 + self.shift, dtype=torch.float64)) + beside + beside.T

    @property
    def psd(self) -> bool:
        return self.structure == "diagonal" or (self.structure == "tridiagonal" and self.shift >= 0)

    @cached_property
    def truth(self) -> Tensor:
        m = self.dim
        values = {
            "diagonal": (m + 1) / 2,
            "dominant": (m + 1) / 2,
            "skew": 0.0,
            "triangular": m,
            "tridiagonal": m * (2 + self.shift),
        }
        return torch.tensor([values[self.structure]], dtype=torch.float64)

    @property
    def truth_source(self) -> str:
        return "closed form: the sum of the diagonal"

    @cached_property
    def sums(self) -> Sums:
        A = self.matrix
        symmetric = (A + A.T) / 2
        return Sums(
            symmetric.square().sum()[None], A.square().sum()[None], A.diagonal().square().sum()[None], self.truth
        )
