"""The tasks of this plugin. Work is counted in evaluations of the objective, or in uniform random numbers."""

from __future__ import annotations

from estibench import Task
from estibench_discrete.categorical_law import CategoricalLaw
from estibench_discrete.contract import GradientProblem
from estibench_discrete.fit import DiscreteFit

DOCS = "docs/tasks/discrete.md"
GRADIENTS = "estibench_discrete.examples.gradient"

GRADIENT = Task(
    contract=GradientProblem,
    baseline="reinforce",
    work="evaluation",
    docs=DOCS,
    example=GRADIENTS,
    own="estibench_discrete.own_gradient:OWN",
)
FIT = Task(contract=DiscreteFit, baseline="enumeration", work="evaluation", docs=DOCS, example=GRADIENTS)
SAMPLING = Task(
    contract=CategoricalLaw,
    baseline="inverse_cdf",
    work="uniform",
    docs=DOCS,
    example="estibench_discrete.examples.frequencies",
)
