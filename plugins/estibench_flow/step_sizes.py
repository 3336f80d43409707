"""How adaptive steps are chosen: torchdiffeq's rules, in numbers of the host."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from estibench_flow.field import Dynamics
from estibench_flow.solvers import Norm

SAFETY, FASTEST, SLOWEST = 0.9, 10.0, 0.2


def first_step(field: Dynamics, z: Tensor, slope: Tensor, tolerance: float, order: int, norm: Norm) -> float:
    """h from z(0) = z and f(0, z) = `slope`, by the norm of a step's error; one evaluation. 0 where there is none.

    Hairer, Nørsett, Wanner: Solving ordinary differential equations I, II.4.
    """
    scale = z.abs().mul_(tolerance).add_(tolerance)
    d0, d1 = float(norm(z / scale)), float(norm(slope / scale))
    h0 = 1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1
    if not (math.isfinite(h0) and h0 > 0):
        return 0.0
    d2 = float(norm((field(z.new_full((), h0), torch.add(z, slope, alpha=h0)) - slope) / scale)) / h0
    h1 = max(1e-6, 1e-3 * h0) if max(d1, d2) <= 1e-15 else (0.01 / max(d1, d2)) ** (1 / order)
    return min(100 * h0, h1)


def change(ratio: float, order: int) -> float:
    """The next h over the last, min(10, 0.9 ratio^(−1/order)), never less than 1 after success nor 1/5 after failure.

    Args:
        ratio: of the step's error to what is tolerated; the step is taken where it is at most 1.
    """
    if math.isnan(ratio):
        return ratio
    if ratio == 0:
        return FASTEST
    return min(FASTEST, max(SAFETY / ratio ** (1 / order), 1.0 if ratio < 1 else SLOWEST))


def rms(x: Tensor) -> float:
    """Root mean square, torchdiffeq's norm."""
    return float(torch.linalg.vector_norm(x)) / math.sqrt(x.numel())
