"""Bias and variance of log-densities by fixed steps, in closed form given the Jacobians along the way."""

from __future__ import annotations

import torch
from torch import Tensor

from estibench_flow.capabilities import HasNoiselessTwin
from estibench_flow.flow import solve
from estibench_flow.flow_problem import FlowProblem
from estibench_flow.linear_flow import LinearFlow
from estibench_flow.solvers import Scheme
from estibench_flow.traces import Jacobian, TraceName

LARGEST = 64  # dimension up to which the m² entries of Jacobians are integrated
# Nodes and weights of one step, for its part of an integral over time.
QUADRATURE = {
    "euler": ((0.0, 1.0),),
    "midpoint": ((0.5, 1.0),),
    "heun": ((0.0, 1 / 2), (1.0, 1 / 2)),
    "rk4": ((0.0, 1 / 8), (1 / 3, 3 / 8), (2 / 3, 3 / 8), (1.0, 1 / 8)),
}


def solver_bias(problem: FlowProblem, estimator: HasNoiselessTwin) -> Tensor | None:
    """E[estimate] − truth, (batch,): the noise of the trace has mean 0, so what the solver and the prior leave.

    None where an exact trace takes too long to say.
    """
    if not problem.splits_errors:
        return None
    return problem.noiseless(estimator) - problem.truth


def trace_variance(
    problem: FlowProblem, scheme: Scheme, trace: TraceName, probes: int, redraw: bool
) -> Tensor | float | None:
    """Variance at each point, (batch,), with k probes and S = sym ∫ J dt as the solver integrates it:

        gaussian 2‖S‖²_F / k,   rademacher 2(‖S‖²_F − Σ s_ii²) / k,   exact 0.

    Probes that are redrawn make every evaluation a term of its own, whose variances add up, weighted by the squares of
    the solver's weights: claimed for linear flows, on which J does not depend on the point.
    """
    if trace == "exact":
        return 0.0
    if redraw and not isinstance(problem, LinearFlow):
        return None
    if problem.dim > LARGEST or not problem.splits_errors:
        return None
    J = integrated_jacobian(problem, scheme)
    S = 0.5 * (J + J.mT)
    size = S.square().sum((-2, -1))
    if trace == "rademacher":
        size = size - S.diagonal(dim1=-2, dim2=-1).square().sum(-1)
    if redraw:
        assert isinstance(problem, LinearFlow)
        size = size * redrawn_share(problem, scheme)
    return 2 * size / probes


def integrated_jacobian(problem: FlowProblem, scheme: Scheme) -> Tensor:
    """∫₀ᵀ ∂f/∂z dt along each point's path, as the scheme integrates it: (batch, m, m), float64."""
    exact = problem.at("cpu", "float64")
    _, entries = solve(exact.flow, exact.points, Jacobian(exact.points), scheme)
    return entries.unflatten(-1, (problem.dim, problem.dim))


def redrawn_share(problem: LinearFlow, scheme: Scheme) -> float:
    """Σ_i (w_i a(t_i))² over all evaluations i, with weights w that sum to 1 and the field a(t) A."""
    step = problem.time / scheme.steps
    times = [(n + node) * step for n in range(scheme.steps) for node, _ in QUADRATURE[scheme.solver]]
    weights = torch.tensor([weight for _, weight in QUADRATURE[scheme.solver]] * scheme.steps, dtype=torch.float64)
    speeds = problem.speed_at(torch.tensor(times, dtype=torch.float64))
    return float((weights / scheme.steps * speeds).square().sum())
