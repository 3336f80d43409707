"""The power series log det(I + J) = Σ_{k≥1} (−1)^{k+1} tr(J^k)/k, and moments of its Hutchinson estimates."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from estibench_flow.block import Block
from estibench_flow.residual_problem import ResidualProblem

LARGEST = 64  # dimension up to which formulas with m² entries are evaluated


def coefficient(k: int) -> float:
    """(−1)^{k+1}/k."""
    return (1 if k % 2 else -1) / k


def forms(block: Block, v: Tensor, lengths: Tensor, weights: Tensor) -> Tensor:
    """Σ_{k ≤ N_r} w_k vᵀ J^k v for each row r of v (rows, ..., batch, m), of length N_r: (rows, ..., batch).

    A row that has ended costs nothing more: Σ_r N_r VJPs. Of runs side by side each has lengths of its own, and a row
    goes on for as long as any of them does.

    Args:
        lengths: N, (rows, ...), at least 1.
        weights: w_1, w_2, …, at least as many as the largest N.
    """
    _, products = block.vjp()
    longest = lengths.flatten(1).amax(1) if lengths.dim() > 1 else lengths
    row = torch.arange(len(v), device=v.device)
    w, total = v, v.new_zeros(v.shape[:-1])
    for k in range(1, int(longest.max()) + 1):
        going = longest[row] >= k
        if not bool(going.all()):
            row, w = row[going], w[going]
        w = products(w)
        weight = weights[k - 1]
        if lengths.dim() > 1:
            weight = torch.where(lengths[row] >= k, weight, 0.0)[..., None]
        total = total.index_add(0, row, weight * (v[row] * w).sum(-1))
    return total


def partial_sums(problem: ResidualProblem) -> Iterator[Tensor]:
    """J, then J − J²/2, … without end, each (batch, m, m), float64: coefficients of the plain series."""
    power = torch.eye(problem.dim, dtype=torch.float64)
    total = torch.zeros_like(problem.jacobians)
    k = 0
    while True:
        k += 1
        power = power @ problem.jacobians
        total = total + coefficient(k) * power
        yield total


def quadratic_variance(A: Tensor, noise: str) -> Tensor:
    """Var vᵀAv for each A (batch, m, m): 2‖S‖²_F, S = sym A; Rademacher noise spares the diagonal."""
    S = 0.5 * (A + A.mT)
    size = S.square().sum((-2, -1))
    if noise == "rademacher":
        size = size - S.diagonal(dim1=-2, dim2=-1).square().sum(-1)
    return 2 * size


def trace_of(A: Tensor) -> Tensor:
    """tr A, (batch,)."""
    return A.diagonal(dim1=-2, dim2=-1).sum(-1)
