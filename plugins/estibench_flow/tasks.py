"""The tasks of this plugin, and the units in which their work is counted."""

from __future__ import annotations

from estibench import Task
from estibench_flow.fit_problem import FitProblem
from estibench_flow.flow_problem import FlowProblem
from estibench_flow.ode_problem import OdeProblem
from estibench_flow.residual_problem import ResidualProblem

ODE_GRADIENT = Task(contract=OdeProblem, baseline="solver_gradient", work="evaluation")
LOG_DENSITY = Task(contract=FlowProblem, baseline="cnf", work="vjp")
LOG_DET = Task(contract=ResidualProblem, baseline="slogdet", work="vjp")
CNF_FIT = Task(contract=FitProblem, baseline="cnf", work="evaluation")
