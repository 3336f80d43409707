"""A continuous flow, and the log-density that it gives its points.

Points x at t = 0 follow z' = f(t, z) to t = T, where their density is known. Along the way

    d log p(z(t))/dt = −tr ∂f/∂z,   hence   log p(x) = log p_T(z(T)) + ∫₀ᵀ tr ∂f/∂z dt

(Chen et al. 2018, theorem 1). Both integrals are solved together, as one ODE for (z, ℓ).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench_flow.field import CountedField, Dynamics
from estibench_flow.solvers import Norm, Scheme, integrate
from estibench_flow.traces import TraceMethod


@dataclass(frozen=True)
class Flow:
    """Attributes:
    dynamics: f.
    time: T.
    log_prior: log p_T, (..., m) → (...).
    """

    dynamics: Dynamics
    time: float
    log_prior: Callable[[Tensor], Tensor]


def log_densities(
    flow: Flow, x: Tensor, trace: TraceMethod, scheme: Scheme, norm: Norm | None = None, differentiable: bool = False
) -> Tensor:
    """log p(x) by each column of the trace: x (..., m) → (..., columns)."""
    z, integrals = solve(flow.dynamics, flow.time, x, trace, scheme, norm, differentiable)
    return flow.log_prior(z)[..., None] + integrals


def solve(
    dynamics: Dynamics,
    time: float,
    x: Tensor,
    trace: TraceMethod,
    scheme: Scheme,
    norm: Norm | None = None,
    differentiable: bool = False,
) -> tuple[Tensor, Tensor]:
    """z(T), (..., m), and the integrals of the trace's columns, (..., columns).

    Args:
        differentiable: keep the graph of every step, for training.
    """
    m, field = x.shape[-1], CountedField(dynamics, count_vjps=False)

    def augmented(t: Tensor, state: Tensor) -> Tensor:
        z = state[..., :m]
        if not (differentiable and z.requires_grad):
            z = z.detach().requires_grad_()
        with torch.enable_grad():
            f = field(t, z)
        columns = trace(f, z, differentiable)
        return torch.cat([f if differentiable else f.detach(), columns], -1)

    start = torch.cat([x, x.new_zeros(*x.shape[:-1], trace.columns)], -1)
    with torch.set_grad_enabled(differentiable):
        final = integrate(augmented, start, 0.0, time, scheme, norm)
    return final[..., :m], final[..., m:]


def standard_normal(z: Tensor) -> Tensor:
    """log N(z; 0, I): (..., m) → (...)."""
    return torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
