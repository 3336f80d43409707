"""A gradient through an ODE to begin with: backpropagation through Euler's steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Deterministic, Estimator, PositiveInt


@dataclass(frozen=True)
class Example(Estimator):
    """dL/dz(0) and dL/dθ of z' = z + h f_θ(t, z), differentiated step by step. Off by O(h), and without noise.

    Parameters:
        steps: of size h = T/steps.

    Cost: an evaluation and a VJP for each step.
    """

    steps: PositiveInt = 20

    claims = (Deterministic(),)
    citation = "Chen, Rubanova, Bettencourt and Duvenaud 2018, Neural ordinary differential equations."

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        """The gradient, (batch · dim + p,)."""
        with torch.enable_grad():
            start, theta = (leaf.detach().requires_grad_() for leaf in (problem.start, problem.parameters))
            field, z, h = problem.field(theta), start, problem.time / self.steps
            for k in range(self.steps):
                z = z + h * field(torch.as_tensor(k * h, dtype=z.dtype, device=z.device), z)
            gradients = torch.autograd.grad(problem.loss(z), (start, theta))
        return torch.cat([part.flatten() for part in gradients])
