"""The two tasks of this plugin. Work is counted in products with the matrix."""

from __future__ import annotations

from estibench import Task
from estibench_trace.contract import DivergenceProblem, TraceProblem

TRACE = Task(contract=TraceProblem, baseline="hutchinson", work="matvec")
DIVERGENCE = Task(contract=DivergenceProblem, baseline="exact", work="matvec")
