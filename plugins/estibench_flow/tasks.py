"""The tasks of this plugin, and the units in which their work is counted."""

from __future__ import annotations

from estibench import Task
from estibench_flow.fit_problem import FlowFit
from estibench_flow.flow_problem import FlowProblem
from estibench_flow.ode_problem import OdeProblem
from estibench_flow.residual_fit import ResidualFit
from estibench_flow.residual_problem import ResidualProblem

DOCS = "docs/tasks/flow.md"
EXAMPLES = "estibench_flow.examples"

ODE_GRADIENT = Task(
    OdeProblem, "solver_gradient", "evaluation", DOCS, f"{EXAMPLES}.gradient", own="estibench_flow.own_ode:OWN"
)
LOG_DENSITY = Task(FlowProblem, "cnf", "vjp", DOCS, f"{EXAMPLES}.log_density", own="estibench_flow.own_flow:OWN")
LOG_DET = Task(ResidualProblem, "slogdet", "vjp", DOCS, f"{EXAMPLES}.log_det", own="estibench_flow.own_log_det:OWN")
CNF_FIT = Task(FlowFit, "cnf", "evaluation", DOCS, f"{EXAMPLES}.log_density")
RESIDUAL_FIT = Task(ResidualFit, "slogdet", "vjp", DOCS, f"{EXAMPLES}.log_det")
