"""An outsider that knows nothing but the truth: it subclasses `estibench.Estimator` alone, in public names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from estibench import Estimator, EstimatorEntry, SampleProblem, SampleSet, Unbiased, hookimpl

TASKS = (
    *("trace", "divergence", "ode_gradient", "log_density", "log_det", "cnf_fit"),
    *("score_gradient", "score_fit", "score_estimate", "velocity_gradient", "synthetic"),
    *("discrete_gradient", "discrete_fit", "categorical_sampling", "sampling", "density_evolution"),
    *("log_normalizer", "elbo_gradient", "vae_fit"),
)


@dataclass(frozen=True)
class Oracle(Estimator):
    """Truth plus noise; of a target, exact samples plus noise."""

    claims = (Unbiased(when=lambda problem, estimator: not isinstance(problem, SampleProblem)),)
    citation = "Nobody has the truth."

    def estimate(self, problem: Any, generator: torch.Generator) -> Any:
        if isinstance(problem, SampleProblem):
            records, chains, _ = problem.estimate_shape
            points = problem.exact_samples(records * chains, generator).reshape(problem.estimate_shape)
            noise = torch.randn(points.shape, generator=generator, device=points.device, dtype=points.dtype)
            return SampleSet(points + 0.01 * noise)
        truth = problem.place(problem.truth)
        return truth + 0.01 * torch.randn(truth.shape, generator=generator, device=truth.device, dtype=truth.dtype)


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [EstimatorEntry("oracle", f"{__name__}:Oracle", "truth plus noise", TASKS)]
