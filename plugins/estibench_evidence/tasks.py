"""The tasks of this plugin. Work is counted in evaluations of the unnormalised density, a point each."""

from __future__ import annotations

from estibench import Task
from estibench_evidence.log_normalizer import LogNormalizerProblem

DOCS = "docs/tasks/evidence.md"

LOG_NORMALIZER = Task(
    contract=LogNormalizerProblem,
    baseline="importance_sampling",
    work="evaluation",
    docs=DOCS,
    example="estibench_evidence.examples.weights",
)
