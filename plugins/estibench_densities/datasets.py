"""Real data for the posteriors: the small sets that scikit-learn carries with it."""

from __future__ import annotations

import torch
from torch import Tensor

FEATURES = {"breast_cancer": 30, "diabetes": 10, "digits": 64, "wine": 13}


def check_dim(density: str, data: str, dim: int) -> None:
    """Raise `ValueError` unless `dim` is the data's number of features. Reads no data."""
    if dim != FEATURES[data]:
        raise ValueError(f"{density} on {data} has dim {FEATURES[data]}, got {dim}")


def load(data: str) -> tuple[Tensor, Tensor]:
    """Features A, (N, features), and target y, (N,), float64.

    Columns of A have mean 0 and variance 1; constant ones (blank pixels) are 0. y as in the source: a class,
    or for diabetes a number.
    """
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{data}")()
    A = torch.as_tensor(bunch.data, dtype=torch.float64)
    A = A - A.mean(0)
    spread = A.std(0, correction=0)
    A = torch.where(spread > 0, A / spread, 0.0)
    return A, torch.as_tensor(bunch.target, dtype=torch.float64)
