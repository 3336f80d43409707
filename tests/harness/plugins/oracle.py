"""An outsider's estimator that knows nothing but `truth`: what any problem must be content with."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from estibench import Estimator, EstimatorEntry, Unbiased, hookimpl

TASKS = ("cnf_fit", "divergence", "log_density", "log_det", "ode_gradient", "trace")


@dataclass(frozen=True)
class Oracle(Estimator):
    """The truth plus normal noise."""

    claims = (Unbiased(),)
    citation = "None: nobody has it."

    def estimate(self, problem, generator):
        truth = problem.place(problem.truth)
        return truth + 0.01 * torch.randn(truth.shape, generator=generator, device=truth.device, dtype=truth.dtype)


@hookimpl
def bench_estimators():
    return [EstimatorEntry("oracle", f"{__name__}:Oracle", "the truth plus noise", TASKS)]
