"""Random matrices behind linear fields."""

from __future__ import annotations

import torch
from torch import Tensor


def log_abs_det(M: Tensor) -> Tensor:
    """log|det M|, (…, m, m) → (…). In float32 where the dtype has no LU decomposition."""
    wide = M if M.dtype in (torch.float32, torch.float64) else M.float()
    return torch.linalg.slogdet(wide).logabsdet.to(M.dtype)


def matrix(family: str, dim: int, generator: torch.Generator) -> Tensor:
    """A matrix of the family, (dim, dim), float64.

    generic: independent N(0, 1/dim) entries. rotation: skew, of the same size. decay: symmetric with eigenvalues evenly
    spaced from −1 to −½ in a random orthogonal basis. stiff: the same, with eigenvalues from −1 to −10⁻³
    in equal ratios.
    """
    G = torch.randn(dim, dim, generator=generator, dtype=torch.float64) / dim**0.5
    if family == "generic":
        return G
    if family == "rotation":
        return (G - G.T) / 2**0.5
    Q, _ = torch.linalg.qr(G)
    if family == "stiff":
        return -(Q * torch.logspace(-3, 0, dim, dtype=torch.float64)) @ Q.T
    return -(Q * torch.linspace(0.5, 1, dim, dtype=torch.float64)) @ Q.T
