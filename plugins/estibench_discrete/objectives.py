"""Objectives on one-hot vectors, defined between them too. Each is made from its weights.

x: (..., batch, D), the one-hot vectors of a datum side by side, D = L·K → (..., batch).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import linear

Kind = Literal["linear", "quadratic", "cubic", "network"]
Weights = tuple[Tensor, ...]
FULL = 512  # sizes up to which a quadratic form has a matrix of full rank
RANK = 32  # of larger ones: all K states together would cost K³
DEGREES: dict[str, int | None] = {"linear": 1, "quadratic": 2, "cubic": 3, "network": None}


def draw_weights(kind: Kind, size: int, hidden: int, generator: torch.Generator) -> Weights:
    """Weights of standard normal entries, float64.

    Scaled so that f varies by about 1 between one-hot vectors for every kind and any D.
    """

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    if kind == "linear":
        return (normal(size),)
    if kind == "quadratic" and size > FULL:
        scale = RANK**-0.25
        return (normal(size), normal(size, RANK) * scale, normal(size, RANK) * scale)
    if kind == "quadratic":
        Q = normal(size, size)
        return (normal(size), (Q + Q.T) / 2)
    if kind == "cubic":
        return (normal(size), normal(size), normal(size))
    return normal(hidden, size), normal(hidden), normal(hidden) / hidden**0.5


def make(kind: Kind, weights: Weights) -> Callable[[Tensor], Tensor]:
    """f with such weights:

    linear     cᵀx
    quadratic  cᵀx + ½ xᵀQx; of more than 512 numbers, Q = (A Bᵀ + B Aᵀ)/2 with 32 columns
    cubic      cᵀx + ½ (aᵀx)² + ½ (bᵀx)³
    network    wᵀ tanh(W x + b)
    """
    if kind == "linear":
        (c,) = weights
        return lambda x: x @ c
    if kind == "quadratic" and len(weights) == 3:
        c, A, B = weights
        return lambda x: x @ c + 0.5 * ((x @ A) * (x @ B)).sum(-1)
    if kind == "quadratic":
        c, Q = weights
        return lambda x: x @ c + 0.5 * (linear(x, Q) * x).sum(-1)
    if kind == "cubic":
        c, a, b = weights
        return lambda x: x @ c + 0.5 * (x @ a) ** 2 + 0.5 * (x @ b) ** 3
    W, bias, w = weights
    return lambda x: torch.tanh(linear(x, W, bias)) @ w
