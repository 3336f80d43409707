"""The tasks of this plugin."""

from __future__ import annotations

from estibench import Task
from estibench_flow.ode_problem import OdeProblem

ODE_GRADIENT = Task(contract=OdeProblem, baseline="solver_gradient", work="evaluation")
