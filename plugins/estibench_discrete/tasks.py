"""The tasks of this plugin. Work is counted in evaluations of the objective, or in uniform random numbers."""

from __future__ import annotations

from estibench import Own, Task
from estibench_discrete.categorical_law import CategoricalLaw
from estibench_discrete.contract import GradientProblem
from estibench_discrete.fit import FitProblem
from estibench_discrete.own_gradient import ladder, own_gradient

GRADIENT = Task(
    contract=GradientProblem,
    baseline="reinforce",
    work="evaluation",
    own=Own(own_gradient, ladder, "the sum over all states"),
)
FIT = Task(contract=FitProblem, baseline="enumeration", work="evaluation")
SAMPLING = Task(contract=CategoricalLaw, baseline="inverse_cdf", work="uniform")
