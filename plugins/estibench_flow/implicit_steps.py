"""Implicit steps of one stage, solved by Newton's method and differentiated where their equation holds.

Hairer and Wanner, Solving ordinary differential equations II, IV.8; Bai, Kolter, Koltun, Deep equilibrium models,
NeurIPS 2019, Theorem 1 (the implicit function theorem). A step of size h from z at t, with a = 1 (`backward_euler`) or
a = ½ (`implicit_midpoint`),

    y = z + a h f(t + a h, y),   z′ = z + (y − z)/a,

has on z' = λz the factor 1/(1 − hλ) or (1 + ½hλ)/(1 − ½hλ): both are bounded for every λ with Re λ ≤ 0, the first goes
to 0 and the second to −1 as λ → −∞. With J = ∂f/∂y at the solution and the cotangent λ of z′,

    (I − a h Jᵀ) k̄ = h λ,   θ̄ += (∂f/∂θ)ᵀ k̄,   λ ← λ + Jᵀ k̄,

the exact gradient of the step, however y was found. Points do not depend on each other, so that J is one (dim, dim)
matrix for each, of dim VJPs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from estibench import Unsupported
from estibench_flow.field import CountedField, Dynamics
from estibench_flow.solvers import IMPLICIT, Scheme

MOST = 20  # iterations of a step
Stages = list[tuple[float, Tensor]]


def forward(field: Dynamics, z: Tensor, end: float, scheme: Scheme) -> tuple[Tensor, Stages, int]:
    """z(end), (batch, dim), without a graph; the time and y of each step; how many iterations all steps took.

    An iteration takes an evaluation and dim VJPs.

    Raises:
        Unsupported: Newton's method does not converge.
    """
    a, h, z = IMPLICIT[scheme.solver], end / scheme.steps, z.detach()
    stages: Stages = []
    iterations = 0
    for n in range(scheme.steps):
        t = (n + a) * h
        y, taken = _newton(field, t, z, a * h)
        # Not z + h f(t, y): a stiff f would magnify what is left of y's error.
        z, iterations = z + (y - z) / a, iterations + taken
        stages.append((t, y))
    return z, stages, iterations


def backward(
    field: CountedField, stages: Stages, cotangent: Tensor, theta: Tensor, end: float, scheme: Scheme
) -> tuple[Tensor, Tensor]:
    """∂L/∂z₀ and ∂L/∂θ from ∂L/∂z(end); an evaluation and dim + 1 VJPs a step. The field depends on `theta`, a leaf."""
    a, h, of_theta = IMPLICIT[scheme.solver], end / scheme.steps, torch.zeros_like(theta)
    for t, y in reversed(stages):
        leaf, slope, J = _with_jacobian(field, t, y)
        pulled = _solve(_matrix(J.mT, a * h), h * cotangent)
        by_y, by_theta = torch.autograd.grad(slope, (leaf, theta), pulled, materialize_grads=True)
        cotangent, of_theta = cotangent + by_y, of_theta + by_theta
    return cotangent, of_theta


def solve(field: Dynamics, z: Tensor, end: float, scheme: Scheme) -> Tensor:
    """z(end), differentiable by autograd: the last of a step's iterations, with y and J held fixed, has the slopes of
    the implicit function.
    """
    a, h = IMPLICIT[scheme.solver], end / scheme.steps
    for n in range(scheme.steps):
        t = (n + a) * h
        y, _ = _newton(field, t, z.detach(), a * h)
        _, _, J = _with_jacobian(field, t, y)
        residual = y - z - a * h * field(y.new_full((), t), y)
        z = z + (y - _solve(_matrix(J, a * h), residual) - z) / a
    return z


def _newton(field: Dynamics, t: float, z: Tensor, step: float) -> tuple[Tensor, int]:
    """y with y = z + step · f(t, y), and how many iterations it took.

    Convergence is quadratic: what is left after a move of √ε is about ε. A linear field takes two.
    """
    y, small = z, torch.finfo(z.dtype).eps ** 0.5
    for taken in range(1, MOST + 1):
        _, slope, J = _with_jacobian(field, t, y)
        move = _solve(_matrix(J, step), y - z - step * slope.detach())
        y = y - move
        size = move.square().mean(-1).sqrt() / (1 + y.square().mean(-1).sqrt())
        if float(size.max()) <= small:
            return y, taken
    raise Unsupported(f"Newton's method does not solve an implicit step in {MOST} iterations: take more steps")


def _with_jacobian(field: Dynamics, t: float, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """y as a leaf, f(t, y) with its graph, and ∂f/∂y at each point, (batch, dim, dim)."""
    leaf = y.detach().requires_grad_()
    with torch.enable_grad():
        slope = field(y.new_full((), t), leaf)
        rows = [
            torch.autograd.grad(slope[:, i].sum(), leaf, retain_graph=True, materialize_grads=True)[0]
            for i in range(y.shape[1])
        ]
    return leaf, slope, torch.stack(rows, 1)


def _matrix(J: Tensor, step: float) -> Tensor:
    return torch.eye(J.shape[-1], dtype=J.dtype, device=J.device) - step * J


def _solve(M: Tensor, b: Tensor) -> Tensor:
    """M⁻¹b at each point; in float32 where the dtype has no LU decomposition."""
    wide = torch.promote_types(M.dtype, torch.float32)
    found: Tensor = torch.linalg.solve(M.to(wide), b.to(wide))
    return found.to(b.dtype)
