"""The reversible Heun method: the exact gradient of a discretisation, at constant memory.

Kidger, Foster, Li, Lyons: Efficient and accurate gradients for neural SDEs, NeurIPS 2021, Algorithms 1 and 2, for ODEs.
A state is a pair (z, y), at first z = y. With f_n = f(t_n, y_n) and the step h

    y_{n+1} = 2 z_n − y_n + h f_n,   z_{n+1} = z_n + ½h (f_n + f_{n+1}).

Of second order in z. The step can be undone in closed form,

    y_n = 2 z_{n+1} − y_{n+1} − h f_{n+1},   z_n = z_{n+1} − ½h (f_n + f_{n+1}),

so a backward pass needs no stored states: it differentiates the very steps that were taken. It is stable for z' = λz
with imaginary λ only, and rounding errors grow where the reversed field expands.
"""

from __future__ import annotations

import torch
from torch import Tensor

from estibench_flow.field import CountedField, Dynamics


def forward(field: Dynamics, z: Tensor, end: float, steps: int) -> tuple[Tensor, Tensor]:
    """(z_N, y_N) at t = `end` from z(0) = `z`, (..., dim) each; steps + 1 evaluations."""
    h, y = end / steps, z
    slope = field(_time(0.0, z), y)
    for n in range(steps):
        y = 2 * z - y + h * slope
        following = field(_time((n + 1) * h, z), y)
        z = z + 0.5 * h * (slope + following)
        slope = following
    return z, y


def backward(
    field: CountedField, z: Tensor, y: Tensor, cotangent: Tensor, theta: Tensor, end: float, steps: int
) -> tuple[Tensor, Tensor]:
    """∂L/∂z₀ and ∂L/∂θ from ∂L/∂z_N = `cotangent`; steps + 1 evaluations, each with one VJP.

    Args:
        z, y: the final pair, without a graph.
        theta: a leaf that the field depends on.
    """
    h = end / steps
    of_z, of_y, of_slope = cotangent, torch.zeros_like(z), torch.zeros_like(z)
    of_theta = torch.zeros_like(theta)
    leaf, slope = _with_graph(field, end, y)
    for n in range(steps, 0, -1):
        by_state, by_theta = torch.autograd.grad(slope, (leaf, theta), of_slope + 0.5 * h * of_z)
        of_theta += by_theta
        total = of_y + by_state
        # Undo the step, then pass the cotangents through it.
        following, y = slope.detach(), 2 * z - y - h * slope.detach()
        leaf, slope = _with_graph(field, (n - 1) * h, y)
        z = z - 0.5 * h * (slope.detach() + following)
        of_z, of_y, of_slope = of_z + 2 * total, -total, 0.5 * h * of_z + h * total
    by_state, by_theta = torch.autograd.grad(slope, (leaf, theta), of_slope)
    return of_z + of_y + by_state, of_theta + by_theta


def _with_graph(field: CountedField, t: float, y: Tensor) -> tuple[Tensor, Tensor]:
    leaf = y.detach().requires_grad_()
    with torch.enable_grad():
        return leaf, field(_time(t, y), leaf)


def _time(t: float, like: Tensor) -> Tensor:
    return torch.tensor(t, dtype=like.dtype, device=like.device)
