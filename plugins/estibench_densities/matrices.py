"""Random matrices from which densities take their parameters. All float64 on the CPU."""

from __future__ import annotations

import torch
from torch import Tensor


def random_orthogonal(dim: int, generator: torch.Generator) -> Tensor:
    """Q, (dim, dim), uniform on the orthogonal group: QR of a Gaussian matrix with diag R made positive.

    Without that Q is not uniform (Mezzadri 2007, How to generate random matrices from the classical compact
    groups).
    """
    Q, R = torch.linalg.qr(torch.randn(dim, dim, generator=generator, dtype=torch.float64))
    uniform: Tensor = Q * R.diagonal().sign()
    return uniform


def random_covariance(dim: int, generator: torch.Generator) -> Tensor:
    """Σ = AAᵀ/dim + ½I, (dim, dim), A of independent N(0, 1): eigenvalues roughly between ½ and 4½."""
    A = torch.randn(dim, dim, generator=generator, dtype=torch.float64)
    return A @ A.T / dim + 0.5 * torch.eye(dim, dtype=torch.float64)
