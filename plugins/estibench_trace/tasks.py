"""The two tasks of this plugin. Work is counted in products with the matrix."""

from __future__ import annotations

from estibench import Task
from estibench_trace.contract import DivergenceProblem, TraceProblem

DOCS = "docs/tasks/trace.md"
PROBES = "estibench_trace.examples.probes"

TRACE = Task(
    contract=TraceProblem,
    baseline="hutchinson",
    work="matvec",
    docs=DOCS,
    example=PROBES,
    own="estibench_trace.own_trace:OWN",
)
DIVERGENCE = Task(
    contract=DivergenceProblem,
    baseline="exact",
    work="matvec",
    docs=DOCS,
    example=PROBES,
    own="estibench_trace.own_divergence:OWN",
)
