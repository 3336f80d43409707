"""The normal density, for means and covariances of any batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def log_normal(x: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """log N(x; mean, covariance): (..., m), (..., m) or (m,), (m, m) → (...)."""
    L = torch.linalg.cholesky(covariance)
    z = torch.linalg.solve_triangular(L, (x - mean).mT if x.ndim > 1 else (x - mean)[:, None], upper=False)
    square = z.square().sum(-2)
    log_det = 2 * L.diagonal().log().sum() + x.shape[-1] * math.log(2 * math.pi)
    return -0.5 * ((square if x.ndim > 1 else square[0]) + log_det)


def normal_score(x: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """−covariance⁻¹(x − mean): (..., m) → (..., m)."""
    return (mean - x) @ torch.linalg.inv(covariance)


def mixture_of_normals(x: Tensor, centres: Tensor, deviation: Tensor | float) -> Tensor:
    """Mean over N centres of N(x; centre, deviation² I): (q, m), (..., N, m) → (..., q).

    Args:
        deviation: a number, or (..., 1, 1).
    """
    z = torch.cdist(x, centres).div_(deviation).square_()
    peak = (deviation * math.sqrt(2 * math.pi)) ** x.shape[-1]
    return (z.mul_(-0.5).exp_() / peak).mean(-1)
