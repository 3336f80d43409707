"""The Gaussian kernel k(x, y) = exp(−‖x − y‖²/2h²) and its customary bandwidth."""

from __future__ import annotations

import torch
from torch import Tensor

from estibench import Unsupported, count


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """‖x_i − y_j‖²: (n, m), (q, m) → (n, q). Counts n·q kernel values."""
    count("kernel", x.shape[0] * y.shape[0])
    products = x @ y.mT
    squares = x.square().sum(-1)[:, None] + y.square().sum(-1) - 2 * products
    return squares.clamp(min=0.0)


def median_bandwidth(samples: Tensor) -> Tensor:
    """h: the median distance between different samples (n, m)."""
    n = samples.shape[0]
    upper = torch.triu_indices(n, n, 1, device=samples.device)
    distances = (samples[upper[0]] - samples[upper[1]]).square().sum(-1).sqrt()
    return distances.median()


def require_decompositions(samples: Tensor) -> None:
    """Raises `Unsupported` in half precision, for which there is neither Cholesky nor an eigendecomposition."""
    if samples.dtype not in (torch.float32, torch.float64):
        dtype = str(samples.dtype).removeprefix("torch.")
        raise Unsupported(f"matrix decompositions need float32 or float64, not {dtype}")
