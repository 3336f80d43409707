"""The asynchronous leapfrog: another reversible method, whose exact gradient takes constant memory (MALI).

Zhuang, Dvornek, Tatikonda, Duncan: MALI: a memory efficient and reverse accurate integrator for neural ODEs, ICLR 2021,
Algorithms 2 to 4, without damping and with equal steps. A state is a pair (z, v), at first v = f(0, z): v is a slope
that lags. With the step h

    y = z + ½h v,   u = f(t + ½h, y),   v′ = 2u − v,   z′ = y + ½h v′.

Of second order in z. The step can be undone in closed form, from the same evaluation,

    y = z′ − ½h v′,   u = f(t + ½h, y),   v = 2u − v′,   z = y − ½h v,

so a backward pass needs no stored states. With cotangents λ of z′ and μ of v′,

    ω = μ + ½h λ,   ȳ = λ + 2 (∂f/∂y)ᵀ ω,   θ̄ += 2 (∂f/∂θ)ᵀ ω,   λ ← ȳ,   μ ← ½h ȳ − ω,

and at t = 0 the first slope adds (∂f/∂z)ᵀ μ. It is stable for z' = λz with imaginary λ only.
"""

from __future__ import annotations

import torch
from torch import Tensor

from estibench_flow.field import CountedField, Dynamics


def forward(field: Dynamics, z: Tensor, end: float, steps: int) -> tuple[Tensor, Tensor]:
    """z and v at t = `end` from z(0) = `z`, (..., dim) each; steps + 1 evaluations."""
    h = end / steps
    v = field(z.new_zeros(()), z)
    for n in range(steps):
        y = z + 0.5 * h * v
        v = 2 * field(z.new_full((), (n + 0.5) * h), y) - v
        z = y + 0.5 * h * v
    return z, v


def backward(
    field: CountedField, z: Tensor, v: Tensor, cotangent: Tensor, theta: Tensor, end: float, steps: int
) -> tuple[Tensor, Tensor]:
    """∂L/∂z₀ and ∂L/∂θ from ∂L/∂z(end) = `cotangent`; steps + 1 evaluations, each with one VJP.

    Args:
        z, v: the final pair, without a graph.
        theta: a leaf that the field depends on.
    """
    h = end / steps
    of_z, of_v, of_theta = cotangent, torch.zeros_like(v), torch.zeros_like(theta)
    for n in range(steps - 1, -1, -1):
        omega = of_v + 0.5 * h * of_z
        y = z - 0.5 * h * v
        u, by_y, by_theta = _pulled(field, (n + 0.5) * h, y, theta, 2 * omega)
        of_z, of_theta = of_z + by_y, of_theta + by_theta
        of_v = 0.5 * h * of_z - omega
        v = 2 * u - v
        z = y - 0.5 * h * v
    _, by_z, by_theta = _pulled(field, 0.0, z, theta, of_v)
    return of_z + by_z, of_theta + by_theta


def _pulled(
    field: CountedField, t: float, y: Tensor, theta: Tensor, cotangent: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """f(t, y), and the cotangent pulled back to y and to θ."""
    leaf = y.detach().requires_grad_()
    with torch.enable_grad():
        u = field(y.new_full((), t), leaf)
    by_y, by_theta = torch.autograd.grad(u, (leaf, theta), cotangent)
    return u.detach(), by_y, by_theta
