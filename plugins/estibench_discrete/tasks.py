"""The tasks of this plugin. Work is counted in evaluations of the objective, or in uniform random numbers."""

from __future__ import annotations

from estibench import Task
from estibench_discrete.contract import GradientProblem

GRADIENT = Task(contract=GradientProblem, baseline="reinforce", work="evaluation")
