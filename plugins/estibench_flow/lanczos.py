"""Stochastic Lanczos quadrature for log-determinants: a reference where a Jacobian is too large to be had whole.

    log|det B| = ½ tr log BᵀB = ½ E vᵀ log(BᵀB) v,   E[vvᵀ] = I.

From v, k steps of Lanczos give a tridiagonal matrix T whose eigenvalues θ_i and squared first components τ_i of
eigenvectors are the nodes and weights of a Gauss quadrature, vᵀ log(BᵀB) v ≈ ‖v‖² Σ_i τ_i log θ_i (Ubaru, Chen, Saad
2017). It needs no contraction. Its error falls geometrically in k, so half as many steps show more than it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""v ↦ BᵀB v for each row, (rows, m) → (rows, m)."""

BROKEN = 1e-12  # of the largest coefficient: the space of all Krylov vectors is exhausted


def products_of_block(residual: Callable[[Tensor], Tensor], x: Tensor) -> Product:
    """With B = I + ∂g/∂x at each row of x (rows, m). J v is the derivative of u ↦ Jᵀu, which is linear in u."""
    leaf = x.detach().requires_grad_()
    with torch.enable_grad():
        g = residual(leaf.view_as(leaf))
        u = torch.zeros_like(g, requires_grad=True)
        (pulled,) = torch.autograd.grad(g, leaf, u, create_graph=True)

    def product(v: Tensor) -> Tensor:
        (forward,) = torch.autograd.grad(pulled, u, v, retain_graph=True, materialize_grads=True)
        w = v + forward
        (backward,) = torch.autograd.grad(g, leaf, w, retain_graph=True)
        return w + backward

    return product


def log_forms(product: Product, v: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """½ vᵀ log(BᵀB) v for each row of v (rows, m), by `steps` steps of Lanczos and by half of them: (rows,) each."""
    size = v.norm(dim=1)
    q, before = v / size[:, None], torch.zeros_like(v)
    basis, diagonal, beside = [q], [], []
    for _ in range(steps):
        w = product(q) - before
        alpha = (q * w).sum(1)
        w = w - alpha[:, None] * q
        for _ in range(2):  # rounding would bring back found directions
            known = torch.stack(basis, 1)
            w = w - torch.einsum("rkm,rk->rm", known, torch.einsum("rkm,rm->rk", known, w))
        beta = w.norm(dim=1)
        diagonal.append(alpha)
        beside.append(beta)
        broken = beta <= BROKEN * torch.stack(diagonal).abs().amax(0)
        before, q = beta[:, None] * q, torch.where(broken[:, None], 0.0, w / beta.clamp(min=1e-300)[:, None])
        basis.append(q)
    return tuple(_quadrature(diagonal[:k], beside[: k - 1]) * 0.5 * size.square() for k in (steps, max(steps // 2, 1)))


def _quadrature(diagonal: list[Tensor], beside: list[Tensor]) -> Tensor:
    """Σ_i τ_i log θ_i for each row. After a breakdown the rest of T is 0 and has no weight."""
    T = torch.diag_embed(torch.stack(diagonal, -1))
    if beside:
        side = torch.stack(beside, -1)
        T = T + torch.diag_embed(side, 1) + torch.diag_embed(side, -1)
    theta, vectors = torch.linalg.eigh(T)
    weights = vectors[:, 0].square()
    return torch.where(weights > 0, weights * theta.clamp(min=torch.finfo(theta.dtype).tiny).log(), 0.0).sum(-1)
