"""What a tight solve of a user's own field would take, counted before it is made."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from estibench import kept_bytes, operations
from estibench_flow.field import Dynamics
from estibench_flow.solvers import Scheme, integrate

LOOSE = 1e-3


def evaluations(field: Dynamics, z: Tensor, time: float) -> Callable[[float], int]:
    """How many evaluations dopri8 would make from z (batch, m), by its tolerance.

    Counted at a loose tolerance. A step's error is of order h⁸, so the number of steps grows like tolerance^(−1/8).
    """
    made, dtype = 0, z.dtype

    def counted(t: Tensor, z: Tensor) -> Tensor:
        nonlocal made
        made += 1
        return field(t, z.to(dtype)).to(z)  # half precision is too coarse for a solver

    with torch.no_grad():
        integrate(counted, z if z.dtype == torch.float64 else z.float(), 0.0, time, Scheme("dopri8", 1, LOOSE))
    return lambda tolerance: int(made * (LOOSE / tolerance) ** (1 / 8)) + 1


def work(field: Dynamics, z: Tensor) -> float:
    """Operations of one evaluation."""
    with torch.no_grad():
        return operations(lambda: field(z.new_zeros(()), z))


def saved(field: Dynamics, z: Tensor) -> int:
    """Bytes that one evaluation keeps for a backward pass, its value included."""
    leaf = z.detach().requires_grad_()
    return kept_bytes(lambda: field(z.new_zeros(()), leaf.view_as(leaf))) + z.nbytes
