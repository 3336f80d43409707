"""Vector–Jacobian products of a field's value, counted."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from estibench import count

Pullback = Callable[[Tensor], Tensor]
"""v ↦ vᵀJ for each of k cotangents v: (k, ..., m) → (k, ..., m), in one vectorised call. Counts k VJPs."""


def pullback(f: Tensor, z: Tensor, differentiable: bool = False) -> Pullback:
    """Products with J = ∂f/∂z at every point, from f (..., m) with its graph and the leaf or node z (..., m).

    Args:
        differentiable: products are in turn differentiable in all that f depends on.
    """

    def products(v: Tensor) -> Tensor:
        count("vjp", v.shape[0])
        if v.shape[0] == 1:
            return torch.autograd.grad(f, z, v[0], retain_graph=True, create_graph=differentiable)[0][None]
        (found,) = torch.autograd.grad(f, z, v, retain_graph=True, create_graph=differentiable, is_grads_batched=True)
        return found

    return products
