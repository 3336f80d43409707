"""An estimator whose first vectorised draws take a second on `CLOCK`, as where torch loads what they need."""

from dataclasses import dataclass

import torch

from estibench import Estimator, EstimatorEntry, hookimpl

CLOCK = [0.0]
CALLS = []


@dataclass(frozen=True)
class SlowStart(Estimator):
    """The trace plus noise."""

    def estimate(self, problem, generator):
        return problem.truth.to(problem.torch_dtype) + torch.randn((), generator=generator)

    def draws(self, problem, n, generator):
        CLOCK[0] += 1e-4 * n if CALLS else 1.0
        CALLS.append(n)
        noise = torch.randn((n, *problem.truth.shape), generator=generator, dtype=problem.torch_dtype)
        return problem.truth.to(problem.torch_dtype) + noise


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [EstimatorEntry("slow_start", f"{__name__}:SlowStart", "slow at first", ("trace",))]
