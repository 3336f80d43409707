"""A plugin of estimators that are wrong in known ways, for the tests of the host."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from estibench import (
    Cost,
    ErrorBarEstimator,
    Estimator,
    EstimatorEntry,
    Exact,
    Unbiased,
    Unsupported,
    Variance,
    hookimpl,
)


@hookimpl
def bench_estimators():
    return [EstimatorEntry(cls.__name__.lower(), f"{__name__}:{cls.__name__}", cls.__doc__, ("trace",)) for cls in ALL]


@dataclass(frozen=True)
class Normal(Estimator):
    """truth + shift + scale · N(0, 1): everything about it is known."""

    shift: float = 0.0
    scale: float = 1.0

    claims = (Unbiased(), Variance(lambda problem, estimator: estimator.scale**2, "scale²"))

    def estimate(self, problem, generator):
        noise = torch.randn(1, generator=generator, dtype=problem.torch_dtype)
        return problem.truth.to(problem.torch_dtype) + self.shift + self.scale * noise


@dataclass(frozen=True)
class ErrorBar(ErrorBarEstimator):
    """Normal with its true standard error times a factor."""

    factor: float = 1.0

    def estimate_with_error(self, problem, generator):
        noise = torch.randn(1, generator=generator, dtype=problem.torch_dtype)
        return problem.truth.to(problem.torch_dtype) + noise, torch.full_like(noise, self.factor)


@dataclass(frozen=True)
class Loop(Normal):
    """Cannot be vectorised: it looks at its numbers."""

    def estimate(self, problem, generator):
        value = super().estimate(problem, generator)
        return value if value.item() < 1e9 else value + 1


@dataclass(frozen=True)
class OwnDraws(Normal):
    """Vectorises by itself."""

    def draws(self, problem, n, generator):
        noise = torch.randn(n, 1, generator=generator, dtype=problem.torch_dtype)
        return problem.truth.to(problem.torch_dtype) + self.shift + self.scale * noise


@dataclass(frozen=True)
class WrongExact(Estimator):
    """Claims to be exact and to spend 3 matvecs; it is neither."""

    claims = (Exact(), Cost("matvec", lambda problem, estimator: 3))

    def estimate(self, problem, generator):
        return problem.truth.to(problem.torch_dtype) * 1.01


@dataclass(frozen=True)
class DividesByM(Estimator):
    """Hutchinson that forgets a factor: divides by m."""

    claims = (Unbiased(),)

    def estimate(self, problem, generator):
        v = torch.randn(4, 1, problem.dim, generator=generator, dtype=problem.torch_dtype)
        return (v * problem.operator().matvec(v)).sum(-1).mean(0) / problem.dim


@dataclass(frozen=True)
class ForgetsAverage(Estimator):
    """Hutchinson that sums its four probes, but divides by three."""

    claims = (Unbiased(),)

    def estimate(self, problem, generator):
        v = torch.randn(4, 1, problem.dim, generator=generator, dtype=problem.torch_dtype)
        return (v * problem.operator().matvec(v)).sum(-1).sum(0) / 3


@dataclass(frozen=True)
class Raises(Estimator):
    """Fails."""

    def estimate(self, problem, generator):
        raise RuntimeError("it broke\nwith a second line")


@dataclass(frozen=True)
class WrongShape(Estimator):
    """Returns two numbers instead of one."""

    def estimate(self, problem, generator):
        return torch.zeros(2, dtype=problem.torch_dtype)


@dataclass(frozen=True)
class WrongDtype(Estimator):
    """Returns integers."""

    def estimate(self, problem, generator):
        return torch.zeros(1, dtype=torch.int64)


@dataclass(frozen=True)
class SometimesNan(Estimator):
    """Not finite for a quarter of its draws."""

    def estimate(self, problem, generator):
        u = torch.rand(1, generator=generator, dtype=problem.torch_dtype)
        return torch.where(u < 0.25, torch.nan, u)


@dataclass(frozen=True)
class FailsLater(Normal):
    """Works for its draws and fails while it is timed."""

    calls: ClassVar[list[int]] = []

    def estimate(self, problem, generator):
        self.calls.append(1)
        if len(self.calls) > 8:
            raise RuntimeError("no longer")
        return super().estimate(problem, generator)


@dataclass(frozen=True)
class UndefinedVariance(Normal):
    """Claims a variance that is not a number."""

    claims = (Variance(lambda problem, estimator: float("nan"), "nan"),)


@dataclass(frozen=True)
class Never(Estimator):
    """Applies to nothing."""

    def estimate(self, problem, generator):
        raise Unsupported("needs a problem of another kind")


ALL = [
    Normal,
    ErrorBar,
    Loop,
    OwnDraws,
    WrongExact,
    DividesByM,
    ForgetsAverage,
    Raises,
    WrongShape,
    WrongDtype,
    SometimesNan,
    FailsLater,
    UndefinedVariance,
    Never,
]
