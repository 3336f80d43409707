"""A plugin whose estimators are right, and right or wrong once torch compiles them."""

from dataclasses import dataclass

import torch

from estibench import ErrorBarEstimator, Estimator, EstimatorEntry, Exact, Unbiased, hookimpl


@hookimpl
def bench_estimators():
    return [
        EstimatorEntry(cls.__name__.lower(), f"{__name__}:{cls.__name__}", cls.__doc__, ("synthetic",)) for cls in ALL
    ]


@dataclass(frozen=True)
class Noisy(Estimator):
    """The target and normal noise, scaled."""

    claims = (Unbiased(),)
    scale: int = 1

    def estimate(self, problem, generator):
        target = problem.target
        noise = torch.randn(target.shape, generator=generator, device=target.device, dtype=target.dtype)
        return target + 0.1 * self.scale * noise


@dataclass(frozen=True)
class Certain(Estimator):
    """The target."""

    claims = (Exact(),)

    def estimate(self, problem, generator):
        return problem.target + 0.0


@dataclass(frozen=True)
class Fooled(Certain):
    """The target; compiled, another number."""

    def estimate(self, problem, generator):
        found = super().estimate(problem, generator)
        return found + 1.0 if torch.compiler.is_compiling() else found


@dataclass(frozen=True)
class Frozen(Noisy):
    """The target and normal noise; compiled, always the same noise."""

    def estimate(self, problem, generator):
        return problem.target + 0.1 if torch.compiler.is_compiling() else super().estimate(problem, generator)


@dataclass(frozen=True)
class Reluctant(Noisy):
    """The target and normal noise, which torch is told not to compile."""

    @torch.compiler.disable
    def estimate(self, problem, generator):
        return super().estimate(problem, generator)


@dataclass(frozen=True)
class Barred(ErrorBarEstimator):
    """The mean of four noisy targets and its standard error."""

    def estimate_with_error(self, problem, generator):
        target = problem.target
        noise = torch.randn((4, *target.shape), generator=generator, device=target.device, dtype=target.dtype)
        return target + noise.mean(0), noise.std(0) / 2


ALL = [Noisy, Certain, Fooled, Frozen, Reluctant, Barred]
