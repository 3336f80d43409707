"""The log-density of a continuous flow to begin with: Euler's steps and one random probe of the trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Estimator, Fit, PositiveInt
from estibench_flow import Flow, FlowFit, HasLogDensity


@dataclass(frozen=True)
class Example(HasLogDensity, Estimator):
    """log p(x) ≈ log p_T(z_K) + h Σ_k vᵀ(∂f/∂z)v along z_{k+1} = z_k + h f(t_k, z_k), one v ~ N(0, I) for each point.

    The mean over v is the value of the same steps with an exact trace, which is off by O(h).

    Parameters:
        steps: K, of size h = T/K.

    Cost: an evaluation and a VJP for each step.
    """

    steps: PositiveInt = 20

    citation = "Grathwohl, Chen, Bettencourt, Sutskever and Duvenaud 2019, FFJORD, equation 8."

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor | Fit:
        """The log-densities of the points, (batch,), or a training run."""
        if isinstance(problem, FlowFit):
            return problem.fit(self.log_density, generator)
        return self.log_density(problem.flow, problem.points, generator)

    def log_density(self, flow: Flow, x: Tensor, generator: torch.Generator) -> Tensor:
        """log p(x), (..., m) → (...)."""
        v = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        z, change, h = x, x.new_zeros(x.shape[:-1]), flow.time / self.steps
        for k in range(self.steps):
            f, pull_back = flow.vjp(torch.as_tensor(k * h, dtype=x.dtype, device=x.device), z)
            change = change + h * (v * pull_back(v[None])[0]).sum(-1)
            z = z + h * f
        return flow.log_prior(z) + change
