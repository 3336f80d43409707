"""The tasks of this plugin. Work is counted by points: evaluations of a density, or sweeps through a model."""

from __future__ import annotations

from estibench import Task
from estibench_evidence.elbo_gradient import ElboGradientProblem
from estibench_evidence.log_normalizer import LogNormalizerProblem
from estibench_evidence.vae_fit import VAEFit

DOCS = "docs/tasks/evidence.md"
BOUNDS = "estibench_evidence.examples.path"

LOG_NORMALIZER = Task(
    contract=LogNormalizerProblem,
    baseline="importance_sampling",
    work="evaluation",
    docs=DOCS,
    example="estibench_evidence.examples.weights",
)
ELBO_GRADIENT = Task(
    contract=ElboGradientProblem,
    baseline="iwae",
    work="sweep",
    docs=DOCS,
    example=BOUNDS,
)
VAE_FIT = Task(contract=VAEFit, baseline="pathwise", work="sweep", docs=DOCS, example=BOUNDS)
