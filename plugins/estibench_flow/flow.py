"""A continuous flow, and the log-density that it gives its points.

Points x at t = 0 follow z' = f(t, z) to t = T, where their density is known. Along the way

    d log p(z(t))/dt = −tr ∂f/∂z,   hence   log p(x) = log p_T(z(T)) + ∫₀ᵀ tr ∂f/∂z dt

(Chen et al. 2018, theorem 1). Both integrals are solved together, as one ODE for (z, ℓ).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench_flow.field import CountedField, Dynamics
from estibench_flow.gradients import Adjoint
from estibench_flow.pullback import Pullback, pullback
from estibench_flow.solvers import Norm, Scheme, integrate
from estibench_flow.step_sizes import rms
from estibench_flow.stored_steps import StoredSteps
from estibench_flow.traces import TraceMethod


@dataclass(frozen=True)
class Flow:
    """What an estimator of a log-density integrates.

    Attributes:
        dynamics: f.
        time: T.
        log_prior: log p_T, (..., m) → (...).
        differentiable: keep the graph of every step, for training: values are differentiable in what f depends on.
        weights: θ, the leaf that f depends on, (..., p), which an adjoint solve must know; None where it is not told.
    """

    dynamics: Dynamics
    time: float
    log_prior: Callable[[Tensor], Tensor]
    differentiable: bool = False
    weights: Tensor | None = None

    @cached_property
    def field(self) -> CountedField:
        """f(t, z), (..., m) → (..., m). Counts one `evaluation` and one `nfe` for the whole batch."""
        return CountedField(self.dynamics, count_vjps=False)

    def vjp(self, t: Tensor, z: Tensor) -> tuple[Tensor, Pullback]:
        """f(t, z) and v ↦ vᵀ ∂f/∂z, (k, ..., m) → (k, ..., m), as by `torch.func.vjp`.

        Counts one evaluation, and one `vjp` for each of the k cotangents of a call.
        """
        if not (self.differentiable and z.requires_grad):
            z = z.detach().requires_grad_()
        with torch.enable_grad():
            f = self.field(t, z)
        return f if self.differentiable else f.detach(), pullback(f, z, self.differentiable)


def log_densities(
    flow: Flow, x: Tensor, trace: TraceMethod, scheme: Scheme, norm: Norm | None = None, adjoint: bool = False
) -> Tensor:
    """log p(x) by each column of the trace: x (..., m) → (..., columns).

    Args:
        adjoint: gradients of a differentiable flow are those of the continuous adjoint, not of the steps.
    """
    z, integrals = solve(flow, x, trace, scheme, norm, adjoint)
    return flow.log_prior(z)[..., None] + integrals


def solve(
    flow: Flow, x: Tensor, trace: TraceMethod, scheme: Scheme, norm: Norm | None = None, adjoint: bool = False
) -> tuple[Tensor, Tensor]:
    """z(T), (..., m), and the integrals of the trace's columns, (..., columns)."""
    m = x.shape[-1]

    def augmented(t: Tensor, state: Tensor) -> Tensor:
        z = state[..., :m]
        f, products = flow.vjp(t, z)
        return torch.cat([f, trace(z, products)], -1)

    start = torch.cat([x, x.new_zeros(*x.shape[:-1], trace.columns)], -1)
    with torch.set_grad_enabled(flow.differentiable):
        if not (flow.differentiable or scheme.fixed):  # the same steps as torchdiffeq's, in half of the calls
            final = StoredSteps(augmented, start, flow.time, scheme, kept=False, norm=norm or rms).final
        elif adjoint and flow.differentiable and flow.weights is not None:
            final = Adjoint.solved(augmented, flow.field, start, flow.weights, flow.time, scheme, norm)
        else:
            final = integrate(augmented, start, 0.0, flow.time, scheme, norm)
    return final[..., :m], final[..., m:]


def standard_normal(z: Tensor) -> Tensor:
    """log N(z; 0, I): (..., m) → (...)."""
    # Unvalidated: to look for a NaN waits for the device.
    return torch.distributions.Normal(0.0, 1.0, validate_args=False).log_prob(z).sum(-1)
