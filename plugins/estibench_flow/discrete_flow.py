"""The flow as a residual network: Euler steps with exact log-determinants."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, Deterministic, PositiveInt, ScalesAs, count
from estibench_flow.flow import Flow
from estibench_flow.flow_estimator import FlowEstimator
from estibench_flow.flow_problem import FlowProblem
from estibench_flow.matrices import log_abs_det
from estibench_flow.traces import Jacobian


def _density(problem: object, estimator: DiscreteFlow) -> bool:
    return isinstance(problem, FlowProblem)


@dataclass(frozen=True)
class DiscreteFlow(FlowEstimator):
    """log p(x) = log p_T(z_N) + Σ_n log|det(I + h J(z_n))| with the residual blocks z_{n+1} = z_n + h f(t_n, z_n).

    The exact density of a discrete flow, where the change of variables needs no ODE; of the continuous one it is off by
    O(h).

    Parameters:
        steps: N blocks.

    Cost: for each block m VJPs and a determinant of O(m³).
    """

    steps: PositiveInt = 16

    claims = (
        Deterministic(when=_density, given="nothing is trained"),
        Cost("nfe", lambda problem, estimator: estimator.steps, "steps", when=_density),
        Cost("determinant", lambda problem, estimator: estimator.steps, "steps", when=_density),
        Cost("vjp", lambda problem, estimator: estimator.steps * problem.dim, "m · steps", when=_density),
        ScalesAs("cost_vjp", "problem_dim", 1, when=_density),
    )
    citation = "He et al., CVPR 2016 (residual blocks); Behrmann et al., ICML 2019, section 3 (their log-determinants)."

    @property
    def noiseless(self) -> DiscreteFlow:
        return self

    @property
    def fixed(self) -> bool:
        return True

    def values(self, flow: Flow, x: Tensor, n: int, generator: torch.Generator) -> Tensor:
        """log p(x), n times the same: x (..., m) → (n, 1, ...)."""
        m, h = x.shape[-1], flow.time / self.steps
        jacobian, identity = Jacobian(x), torch.eye(m, dtype=x.dtype, device=x.device)
        z, total = x, x.new_zeros(x.shape[:-1])
        for step in range(self.steps):
            f, products = flow.vjp(torch.tensor(step * h, dtype=x.dtype, device=x.device), z)
            J = jacobian(z, products).unflatten(-1, (m, m))
            count("determinant")
            total = total + log_abs_det(identity + h * J)
            z = z + h * f
        found = flow.log_prior(z) + total
        return found.expand(n, 1, *found.shape)
