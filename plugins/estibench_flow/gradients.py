"""Five ways to the gradient of a loss L(z(T)) in z(0) and θ, where z' = f_θ(t, z).

Each takes a counted field that depends on the leaf θ, (p,), the start z₀, (batch, dim), and the loss, and returns
∂L/∂z₀ and ∂L/∂θ. S is the number of evaluations of the forward solve.

backprop     discretise, then optimise: reverse mode through every step. Exact for the discretisation; S VJPs; memory
             O(S).
checkpoint   the same numbers, but a step keeps only its start and is evaluated again: memory O(steps · state + one
             step). With adaptive steps that is the adaptive checkpoint adjoint (ACA, Zhuang et al. 2020).
adjoint      optimise, then discretise: a' = −aᵀ∂f/∂z and the integral of aᵀ∂f/∂θ are solved backwards from T, beside z
             itself. Memory O(1); off by the errors of both solves, and useless where z' = −f(z) is unstable.
reversible   the steps of reversible Heun or of the asynchronous leapfrog (MALI) undone one by one: exact for the
             discretisation up to rounding; memory O(1).
implicit     of implicit steps: each one's equation differentiated where it holds (the implicit function theorem),
             exact for the discretisation whatever solved it; memory O(steps · state).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torchdiffeq import odeint

from estibench import Unsupported
from estibench_flow import asynchronous_leapfrog, implicit_steps, reversible_heun
from estibench_flow.field import CountedField, Dynamics
from estibench_flow.solvers import Norm, Scheme, breakdown, integrate
from estibench_flow.stored_steps import StoredSteps
from estibench_flow.tableaus import tableau

Loss = Callable[[Tensor], Tensor]
Gradient = tuple[Tensor, Tensor]
State = tuple[Tensor, ...]

UNDONE = {"reversible_heun": reversible_heun, "asynchronous_leapfrog": asynchronous_leapfrog}
MOST_STEPS = 1000  # of a backward solve; one that gets lost takes ever smaller ones


def solve(field: Dynamics, start: Tensor, end: float, scheme: Scheme) -> Tensor:
    """z(T), T = `end`, by any scheme, differentiable by autograd through every step; adaptive sizes are held fixed."""
    if scheme.solver in UNDONE:
        return UNDONE[scheme.solver].forward(field, start, end, scheme.steps)[0]
    if scheme.implicit:
        return implicit_steps.solve(field, start, end, scheme)
    if scheme.fixed:
        return integrate(field, start, 0.0, end, scheme)
    method, z = tableau(scheme.solver), start
    for step in StoredSteps(field, start, end, scheme).steps:
        z = method.step(field, step.t, step.h, z)
    return z


def backprop(field: CountedField, start: Tensor, theta: Tensor, loss: Loss, end: float, scheme: Scheme) -> Gradient:
    """Reverse mode through the solver (He et al. 2016 for Euler: backpropagation through a residual network)."""
    if scheme.solver not in UNDONE:
        return _along(StoredSteps(field, start, end, scheme, graphs=True), field, theta, loss)
    leaf = start.detach().requires_grad_()
    value = loss(solve(field, leaf.view_as(leaf), end, scheme))  # a view: hooks on torch modules may refuse a leaf
    field.phase = "nfe_backward"
    of_start, of_theta = torch.autograd.grad(value, (leaf, theta))
    return of_start, of_theta


def checkpoint(field: CountedField, start: Tensor, theta: Tensor, loss: Loss, end: float, scheme: Scheme) -> Gradient:
    """One checkpoint per accepted step (Griewank 1992; Zhuang et al. 2020): each is evaluated a second time."""
    return _along(StoredSteps(field, start, end, scheme), field, theta, loss)


def adjoint(
    field: CountedField, start: Tensor, theta: Tensor, loss: Loss, end: float, scheme: Scheme, seminorm: bool = False
) -> Gradient:
    """The continuous adjoint (Chen et al. 2018, Algorithm 1), both solves with the same scheme.

    Args:
        seminorm: leave the integral for θ out of the error norm of the backward solve (Kidger et al. 2021): the other
            two do not depend on it, so its errors do not build up.
    """
    with torch.no_grad():
        z = integrate(field, start, 0.0, end, scheme)
    final = z.detach().requires_grad_()
    (a,) = torch.autograd.grad(loss(final), final)
    field.phase = "nfe_backward"
    return _adjoint_solve(field, z, a, theta, end, scheme, seminorm)


class Adjoint(torch.autograd.Function):
    """A solve whose reverse mode is the continuous adjoint, by the same scheme: for losses that autograd knows."""

    @classmethod
    def solved(
        cls,
        dynamics: Dynamics,
        counted: CountedField,
        start: Tensor,
        theta: Tensor,
        end: float,
        scheme: Scheme,
        norm: Norm | None,
    ) -> Tensor:
        """z(T) from `start`, any shape.

        Args:
            dynamics: of the whole state; it depends on the leaf θ and evaluates `counted`.
        """
        found: Tensor = cls.apply(start, theta, dynamics, counted, end, scheme, norm)  # type: ignore[no-untyped-call]
        return found

    @staticmethod
    def forward(ctx: Any, start: Tensor, theta: Tensor, *solve: Any) -> Tensor:
        dynamics, counted, end, scheme, norm = solve
        z = integrate(dynamics, start, 0.0, end, scheme, norm)
        ctx.save_for_backward(z, theta)
        ctx.solve = dynamics, counted, end, scheme
        return z

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        z, theta = ctx.saved_tensors
        dynamics, counted, end, scheme = ctx.solve
        counted.phase = "nfe_backward"
        return (*_adjoint_solve(dynamics, z, cotangents[0], theta, end, scheme, False), *5 * (None,))


def _adjoint_solve(
    field: Dynamics, z: Tensor, a: Tensor, theta: Tensor, end: float, scheme: Scheme, seminorm: bool
) -> Gradient:
    """∂L/∂z(0) and ∂L/∂θ from z(T) and a = ∂L/∂z(T). Raises `Unsupported` where the solve cannot go on."""

    def backwards(t: Tensor, state: State) -> State:
        z, a = state[0].detach().requires_grad_(), state[1]
        with torch.enable_grad():
            slope = field(t, z)
        by_state, by_theta = torch.autograd.grad(slope, (z, theta), -a)
        return slope.detach(), by_state, by_theta

    def norm(state: State) -> Tensor:
        parts = state[:2] if seminorm else state
        return torch.stack([part.square().mean().sqrt() for part in parts]).max()

    with torch.no_grad():
        arguments = scheme.arguments(end, 0.0, z, norm)
        if not scheme.fixed:
            arguments["options"]["max_num_steps"] = MOST_STEPS
        try:
            _, of_start, of_theta = odeint(backwards, (z, a, torch.zeros_like(theta)), **arguments)
        except (
            AssertionError
        ) as error:  # torchdiffeq's word for a solve that cannot go on, with numbers of the last step
            raise Unsupported(f"a solve of the adjoint breaks down: {breakdown(error)}") from error
    return of_start[-1], of_theta[-1]


def reversible(field: CountedField, start: Tensor, theta: Tensor, loss: Loss, end: float, scheme: Scheme) -> Gradient:
    """Reversible steps, undone (Kidger et al. 2021, Algorithm 2; Zhuang et al. 2021, Algorithm 4)."""
    method = UNDONE[scheme.solver]
    with torch.no_grad():
        z, other = method.forward(field, start, end, scheme.steps)
    final = z.detach().requires_grad_()
    (cotangent,) = torch.autograd.grad(loss(final), final)
    field.phase = "nfe_backward"
    return method.backward(field, z, other, cotangent, theta, end, scheme.steps)


def implicit(field: CountedField, start: Tensor, theta: Tensor, loss: Loss, end: float, scheme: Scheme) -> Gradient:
    """Back along implicit steps, a linear solve each (Bai, Kolter, Koltun 2019)."""
    z, stages, _ = implicit_steps.forward(field, start, end, scheme)
    final = z.requires_grad_()
    (cotangent,) = torch.autograd.grad(loss(final), final)
    field.phase = "nfe_backward"
    return implicit_steps.backward(field, stages, cotangent, theta, end, scheme)


def _along(taken: StoredSteps, field: CountedField, theta: Tensor, loss: Loss) -> Gradient:
    """Back along the steps of a solve."""
    final = taken.final.requires_grad_()
    (cotangent,) = torch.autograd.grad(loss(final), final)
    field.phase = "nfe_backward"
    return taken.gradient(cotangent, theta)


METHODS: dict[str, Callable[[CountedField, Tensor, Tensor, Loss, float, Scheme], Gradient]] = {
    "backprop": backprop,
    "checkpoint": checkpoint,
    "adjoint": adjoint,
    "adjoint_seminorm": partial(adjoint, seminorm=True),
    "reversible": reversible,
    "implicit": implicit,
}
