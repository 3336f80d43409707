"""The tasks of this plugin, and the units in which their work is counted."""

from __future__ import annotations

from estibench import Own, Task
from estibench_flow import own_flow, own_log_det, own_ode
from estibench_flow.fit_problem import FitProblem
from estibench_flow.flow_problem import FlowProblem
from estibench_flow.ode_problem import OdeProblem
from estibench_flow.residual_problem import ResidualProblem

ODE_GRADIENT = Task(
    contract=OdeProblem, baseline="solver_gradient", work="evaluation", own=Own(own_ode.own_ode, own_ode.ladder, "a solve without error beyond rounding")
)
LOG_DENSITY = Task(
    contract=FlowProblem, baseline="cnf", work="vjp", own=Own(own_flow.own_flow, own_flow.ladder, "the exact trace")
)
LOG_DET = Task(
    contract=ResidualProblem,
    baseline="slogdet",
    work="vjp",
    own=Own(own_log_det.own_log_det, own_log_det.ladder, "the LU decomposition"),
)
CNF_FIT = Task(contract=FitProblem, baseline="cnf", work="evaluation")
