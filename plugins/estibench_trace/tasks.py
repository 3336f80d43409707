"""The two tasks of this plugin. Work is counted in products with the matrix."""

from __future__ import annotations

from estibench import Own, Task
from estibench_trace.contract import DivergenceProblem, TraceProblem
from estibench_trace.own_divergence import ladder, own_divergence
from estibench_trace.own_trace import own_trace

TRACE = Task(
    contract=TraceProblem,
    baseline="hutchinson",
    work="matvec",
    own=Own(own_trace, ladder, "the exact trace"),
)
DIVERGENCE = Task(
    contract=DivergenceProblem,
    baseline="exact",
    work="matvec",
    own=Own(own_divergence, ladder, "the exact trace"),
)
