"""The Gaussian kernel k(x, y) = exp(−‖x − y‖²/2h²) and its customary bandwidth."""

from __future__ import annotations

import torch
from torch import Tensor

from estibench import count


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
