"""Gradients through ODE solvers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from estibench import Bias, Deterministic, Estimator, ScalesAs, Unsupported
from estibench_flow import gradients
from estibench_flow.capabilities import HasOwnSolver
from estibench_flow.field import Dynamics
from estibench_flow.ode_problem import OdeProblem, joined
from estibench_flow.solver_costs import COSTS
from estibench_flow.solvers import IMPLICIT, REVERSIBLE, SolverParameters
from estibench_flow.stability import has_stability_function, linear_bias

MANY = 64  # evaluations
GradientMethod = Literal["backprop", "checkpoint", "adjoint", "adjoint_seminorm", "reversible", "implicit"]


def _stores_states(problem: Any, estimator: SolverGradient) -> bool:
    """Where the number of steps is known to grow like tolerance^(−1/5), or more slowly."""
    return estimator.gradient == "checkpoint" and estimator.solver in ("dopri5", "dopri8")


def _constant_memory(problem: Any, estimator: SolverGradient) -> bool:
    return estimator.gradient in ("adjoint", "reversible")


def _stores_everything(problem: Any, estimator: SolverGradient) -> bool:
    """Backprop with so many evaluations that what does not grow with them hardly counts."""
    return estimator.gradient == "backprop" and estimator.scheme.fixed and estimator.scheme.evaluations >= MANY


@dataclass(frozen=True)
class SolverGradient(SolverParameters, HasOwnSolver, Estimator):
    """∂L/∂z(0) and ∂L/∂θ of an ODE's solution: a solver times a way to differentiate it.

    Parameters:
        solver: euler, midpoint, heun, rk4, reversible_heun, asynchronous_leapfrog, backward_euler, implicit_midpoint
            with `steps`; bosh3, dopri5, dopri8 with a `tolerance`. See `estibench_flow.solvers`.
        gradient: backprop, checkpoint (with adaptive steps ACA), adjoint, adjoint_seminorm (adaptive), reversible
            (reversible_heun; asynchronous_leapfrog: MALI), implicit (the two that are). See `estibench_flow.gradients`.

    Cost with s stages and N steps: s·N evaluations forwards; backwards none by backprop, else s·N; s·N VJPs. Adaptive
    steps that are rejected cost s evaluations forwards, and nothing else; backwards the adjoint takes steps of its own.
    Implicit steps: one evaluation and dim VJPs for an iteration of Newton's, one and dim + 1 a step backwards.
    """

    gradient: GradientMethod = "backprop"

    claims = (
        Deterministic(),
        *COSTS,
        Bias(
            linear_bias,
            "R(hA)^N for e^{TA}, differentiated",
            when=has_stability_function,
            given="the field is linear, and one-step methods differentiate their own steps, which do not explode",
        ),
        ScalesAs(
            *("peak_bytes", "estimator_tolerance", -0.1, 0.12),
            when=_stores_states,
            given="a state is stored for each of about tolerance^(−1/order) steps",
        ),
        ScalesAs("peak_bytes", "estimator_steps", 0, 0.1, when=_constant_memory, given="nothing is stored"),
        ScalesAs(
            *("peak_bytes", "estimator_steps", 1, 0.15),
            when=_stores_everything,
            given=f"every step is stored, of {MANY} evaluations or more",
        ),
    )
    citation = (
        "Chen et al., NeurIPS 2018; Zhuang et al., ICML 2020 (checkpoint: ACA); "
        "Kidger, Chen, Lyons, ICML 2021 (seminorms); Kidger et al., NeurIPS 2021 (reversible Heun); "
        "Zhuang et al., ICLR 2021 (MALI); Hairer and Wanner 1996, IV.8, and Bai et al., NeurIPS 2019 (implicit)."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        reversible = self.solver in REVERSIBLE
        if self.gradient == "reversible" and not reversible:
            raise ValueError(f"only {' and '.join(REVERSIBLE)} can be undone step by step, not {self.solver}")
        if reversible and self.gradient not in ("backprop", "reversible"):
            raise ValueError(f"{self.solver} is differentiated by backprop or reversible, not {self.gradient}")
        if (self.gradient == "implicit") != (self.solver in IMPLICIT):
            raise ValueError(f"{' and '.join(IMPLICIT)} are differentiated by implicit, and nothing else is")
        if self.gradient == "adjoint_seminorm" and self.scheme.fixed:
            raise ValueError(f"a seminorm steers adaptive steps, which {self.solver} has not")

    def estimate(self, problem: OdeProblem, generator: torch.Generator) -> Tensor:
        """The gradient, (batch · dim + p,); the generator is not used. `Unsupported` where a solve diverges."""
        theta = problem.parameters.detach().requires_grad_()
        field = problem.field(theta)
        method = gradients.METHODS[self.gradient]
        found = method(field, problem.start, theta, problem.loss, problem.time, self.scheme)
        estimate = joined(*found)
        if not bool(torch.isfinite(estimate.square().sum().square())):  # fourth powers: intervals take them
            raise Unsupported(f"a solve by {self.solver} diverges: the gradient is not finite, or too large to measure")
        return estimate

    def solve(self, field: Dynamics, start: Tensor, time: float) -> Tensor:
        """z(T), (batch, dim), by the scheme, whatever the gradient."""
        return gradients.solve(field, start, time, self.scheme)

    def draws(self, problem: OdeProblem, n: int, generator: torch.Generator) -> Tensor:
        """n equal gradients, (n, batch · dim + p): nothing here is random."""
        return self.estimate(problem, generator).expand(n, -1)
