"""What steps do to a linear field: R(hA) each, exactly."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from estibench_flow.linear_ode import LinearOde
from estibench_flow.ode_problem import joined

Coefficients = tuple[float, ...]
# R = P/Q by the coefficients of P and Q, the constant ones first.
R: dict[str, tuple[Coefficients, Coefficients]] = {
    "euler": ((1, 1), (1,)),
    "midpoint": ((1, 1, 1 / 2), (1,)),
    "heun": ((1, 1, 1 / 2), (1,)),
    "rk4": ((1, 1, 1 / 2, 1 / 6, 1 / 24), (1,)),
    "backward_euler": ((1,), (1, -1)),
    "implicit_midpoint": ((1, 1 / 2), (1, -1 / 2)),
}


MOST = 1e4  # by which all steps together may magnify: rounding is magnified with what they carry


def has_stability_function(problem: Any, estimator: Any) -> bool:
    """Whether the field is linear, and the gradient that of steps with a known R that do not explode."""
    exact = estimator.gradient in ("backprop", "checkpoint", "implicit")
    if not (isinstance(problem, LinearOde) and exact and estimator.solver in R):
        return False
    return float(torch.linalg.matrix_norm(_all_steps(problem._A, problem.time, estimator), 2)) <= MOST


def linear_bias(problem: LinearOde, estimator: Any) -> Tensor:
    """The gradient of L at z(T) = R(hA)^N z(0), less that at e^{TA} z(0): float64, by autograd."""
    A, start = (x.clone().requires_grad_() for x in (problem._A, problem.exact_start))
    with torch.enable_grad():
        final = start @ _all_steps(A, problem.time, estimator).mT
        loss = 0.5 * (final - problem.exact_target).square().sum() / problem.batch
        slopes = torch.autograd.grad(loss, (start, A))
    return joined(*slopes) - problem.truth


def _all_steps(A: Tensor, time: float, estimator: Any) -> Tensor:
    """R(hA)^N."""
    steps = estimator.scheme.steps
    P, Q = (polynomial(one, time / steps * A) for one in R[estimator.solver])
    return torch.linalg.matrix_power(torch.linalg.solve(Q, P), steps)


def polynomial(coefficients: Coefficients, M: Tensor) -> Tensor:
    """Σ_k c_k M^k, by Horner's rule."""
    eye = torch.eye(len(M), dtype=M.dtype, device=M.device)
    total = torch.zeros_like(M)
    for c in reversed(coefficients):
        total = total @ M + c * eye
    return total
