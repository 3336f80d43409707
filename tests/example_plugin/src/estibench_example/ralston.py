"""Gradients through Ralston's solver."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, Deterministic, Estimator, PositiveInt
from estibench_flow import Dynamics, HasOwnSolver, OdeProblem, joined


@dataclass(frozen=True)
class Ralston(HasOwnSolver, Estimator):
    """∂L/∂z(0) and ∂L/∂θ by backpropagation through N steps of the second-order method of least truncation error,

        k₁ = f(t, z),   k₂ = f(t + ⅔h, z + ⅔h k₁),   z ← z + h (k₁ + 3 k₂)/4.

    Parameters:
        steps: N.
    """

    steps: PositiveInt = 16

    claims = (
        Deterministic(),
        Cost("nfe", lambda problem, estimator: 2 * estimator.steps, "2N"),
        Cost("vjp", lambda problem, estimator: 2 * estimator.steps, "2N"),
    )
    citation = "Ralston, Mathematics of Computation 16, 1962, 431–437."

    def solve(self, field: Dynamics, start: Tensor, time: float) -> Tensor:
        """z(T), (batch, dim)."""
        z, h = start, time / self.steps
        for n in range(self.steps):
            slope = field(z.new_tensor(n * h), z)
            later = field(z.new_tensor((n + 2 / 3) * h), z + 2 / 3 * h * slope)
            z = z + h * (slope + 3 * later) / 4
        return z

    def estimate(self, problem: OdeProblem, generator: torch.Generator) -> Tensor:
        """The gradient, (batch · dim + p,); the generator is not used."""
        start, theta = (leaf.detach().requires_grad_() for leaf in (problem.start, problem.parameters))
        field = problem.field(theta)
        final = self.solve(field, start, problem.time)
        return joined(*torch.autograd.grad(problem.loss(final), (start, theta)))
