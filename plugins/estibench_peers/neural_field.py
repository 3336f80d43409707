"""A problem's vector field as a module with parameters: what libraries of neural ODEs take."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from estibench import Unsupported
from estibench_flow import CountedField, OdeProblem, joined


class NeuralField(nn.Module):
    """f_θ(t, z), z (batch, dim), with θ as its one parameter; each call and each backward pass through it is counted.

    Attributes:
        theta: θ, (p,).
        counted: what counts; its `phase` says what calls count as.
    """

    def __init__(self, problem: OdeProblem) -> None:
        super().__init__()
        self.theta = nn.Parameter(problem.parameters.clone())
        self.counted = CountedField(problem.dynamics(self.theta))

    def forward(self, t: Tensor, z: Tensor) -> Tensor:
        return self.counted(t, z)


def gradient(problem: OdeProblem, field: NeuralField, solve: Callable[[Tensor], Tensor]) -> Tensor:
    """∂L/∂z(0) and ∂L/∂θ by autograd, (batch · dim + p,).

    Args:
        solve: z(0) → z(T), (batch, dim) each, differentiable as the library makes it.

    Raises:
        Unsupported: the gradient is not finite.
    """
    start = problem.start.detach().requires_grad_()
    with torch.enable_grad():
        loss = problem.loss(solve(start.view_as(start)))
        field.counted.phase = "nfe_backward"
        found = joined(*torch.autograd.grad(loss, (start, field.theta)))
    if not bool(torch.isfinite(found).all()):
        raise Unsupported("a solve diverges: the gradient is not finite")
    return found.detach()


def times(problem: OdeProblem, points: int) -> Tensor:
    """Equally spaced from 0 to T, (points,)."""
    return torch.linspace(0, problem.time, points, dtype=problem.torch_dtype, device=problem.device)
