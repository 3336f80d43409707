"""Right and wrong estimators of a mean, problems and densities: one wrong one for each check of the conformance kit.

A suite may use it as a file plugin: `bench -p zoo.py …`.
"""

from __future__ import annotations

import functools
import math
import os
import random
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from estibench import (
    Bias,
    Cost,
    Density,
    ErrorBarEstimator,
    Estimator,
    EstimatorEntry,
    LaplacianDensity,
    NoisedDensity,
    PositiveFloat,
    PositiveInt,
    Problem,
    ProblemEntry,
    ScalesAs,
    Task,
    TaskEntry,
    Unbiased,
    Variance,
    count,
    hookimpl,
)

CITATION = "Everything about it follows from its definition."
SAMPLES = 4


@dataclass(frozen=True, kw_only=True)
class Mean(Problem):
    """The mean of N(t, I), t = (1, …, 1), from samples.

    Parameters:
        dim: m.
    """

    dim: PositiveInt = 3

    @cached_property
    def target(self) -> Tensor:
        """t, (dim,), on the problem's device."""
        return self.place(self.truth)

    @property
    def truth(self) -> Tensor:
        return torch.ones(self.dim, dtype=torch.float64)

    @property
    def truth_source(self) -> str:
        return "closed form"

    def prepare(self) -> None:
        _ = self.target

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """n samples, (n, dim); counts n evaluations."""
        count("evaluation", n)
        return self.target + torch.randn(
            n, self.dim, generator=generator, device=generator.device, dtype=self.torch_dtype
        )


MEAN = Task(contract=Mean, baseline="good", work="evaluation")


class _Base:
    """What the estimators below share."""

    citation = CITATION


@dataclass(frozen=True)
class Good(_Base, ErrorBarEstimator):
    """The mean of k samples, with its known error bar and draws of its own.

    Parameters:
        samples: k.
    """

    samples: PositiveInt = SAMPLES

    claims = (
        Unbiased(),
        Bias(lambda problem, estimator: 0.0, "0"),
        Variance(lambda problem, estimator: problem.dim / estimator.samples, "m/k"),
        Cost("evaluation", lambda problem, estimator: estimator.samples, "k"),
    )

    def estimate_with_error(self, problem: Mean, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        mean = problem.sample(self.samples, generator).mean(0)
        return mean, torch.full_like(mean, self.samples**-0.5)

    def draws_with_error(self, problem: Mean, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        means = problem.sample(n * self.samples, generator).reshape(n, self.samples, -1).mean(1)
        return means, torch.full_like(means, self.samples**-0.5)


def _mean(problem: Mean, generator: torch.Generator) -> Tensor:
    return problem.sample(SAMPLES, generator).mean(0)


@dataclass(frozen=True)
class Plain(_Base, Estimator):
    """The mean of four samples, and nothing else: what the wrong ones are one step away from."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        return _mean(problem, generator)


# Declarations.


@dataclass(frozen=True)
class Derived(Plain):
    """A field that no suite can set."""

    half: int = field(init=False, default=2)


class NotDecorated(Plain):
    """Its parameter is none, since nothing makes it a field."""

    samples: int = 4


@dataclass(frozen=True)
class NeedsMore(Plain):
    """Cannot be made from defaults.

    Parameters:
        extra: anything.
    """

    extra: int = field(kw_only=True)


@dataclass(frozen=True)
class LoosePath(Plain):
    """A default that its annotation refuses.

    Parameters:
        rate: a number that is written as a word.
    """

    rate: Annotated[float, "units"] = "fast"  # type: ignore[assignment]


@dataclass(frozen=True)
class Silent(Plain):
    samples: int = 4


@dataclass(frozen=True)
class HalfSilent(Plain):
    """Says nothing about what it takes."""

    budget: int = 4


@dataclass(frozen=True)
class NoSource(Plain):
    """Has no source."""

    citation = ""


@dataclass(frozen=True)
class MisspeltColumn(Plain):
    """Claims an exponent over a column that is not there."""

    claims = (ScalesAs("variance", "estimator_proves", -1),)
    probes: int = 3


# Estimates.


@dataclass(frozen=True)
class WrongShape(Plain):
    """An axis too many."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        return _mean(problem, generator)[None]


@dataclass(frozen=True)
class NotATensor(Plain):
    """A list."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Any:
        return _mean(problem, generator).tolist()


@dataclass(frozen=True)
class NotFinite(Plain):
    """0/0 in one component."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        found = _mean(problem, generator)
        found[0] = torch.nan
        return found


@dataclass(frozen=True)
class Raises(Plain):
    """Fails where it should say Unsupported."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        raise RuntimeError("not positive definite")


@dataclass(frozen=True)
class AlwaysDouble(Plain):
    """float64 whatever the problem is in."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        return _mean(problem, generator).double()


@dataclass(frozen=True)
class DoubleOnly(Plain):
    """Breaks in every dtype but float64."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        return torch.eye(problem.dim, dtype=torch.float64) @ _mean(problem, generator)


@dataclass(frozen=True)
class WrongDraws(Plain):
    """Draws stand in the last axis."""

    def draws(self, problem: Mean, n: int, generator: torch.Generator) -> Tensor:
        return problem.sample(n * SAMPLES, generator).reshape(n, SAMPLES, -1).mean(1).T


@dataclass(frozen=True)
class NegativeError(Good):
    """An error bar of the wrong sign."""

    def estimate_with_error(self, problem: Mean, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        found, error = super().estimate_with_error(problem, generator)
        return found, -error


@dataclass(frozen=True)
class OtherEstimate(Good):
    """Timed without the work that it needs when it is drawn."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        return problem.sample(1, generator)[0]


# Randomness.


class _Cache:
    calls = 0


@dataclass(frozen=True)
class HiddenState(Plain):
    """Every other estimate is mirrored: antithetic across calls."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        _Cache.calls += 1
        sign = 1 if _Cache.calls % 2 else -1
        return problem.target + sign * (_mean(problem, generator) - problem.target)


@dataclass(frozen=True)
class GlobalTorch(Plain):
    """Draws from torch's global generator and sets it back, so that nothing shows."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        state = torch.get_rng_state()
        noise = torch.randn(problem.dim, dtype=problem.torch_dtype)
        torch.set_rng_state(state)
        return problem.target + noise + 0 * _mean(problem, generator)


@dataclass(frozen=True)
class GlobalNumpy(Plain):
    """Draws from numpy's global generator."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        return _mean(problem, generator) + float(np.random.standard_normal())


@dataclass(frozen=True)
class GlobalPython(Plain):
    """Draws from Python's global generator."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        return _mean(problem, generator) + random.gauss(0, 1)


@dataclass(frozen=True)
class SetsThreads(Plain):
    """Takes more threads than it is given."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        torch.set_num_threads(torch.get_num_threads() + 1)
        return _mean(problem, generator)


@dataclass(frozen=True)
class SetsEnvironment(Plain):
    """Leaves something in the environment."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        os.environ["ESTIBENCH_ZOO"] = str(len(os.environ))
        return _mean(problem, generator)


@dataclass(frozen=True)
class ChangesProblem(Plain):
    """Adds its noise to the problem's own data."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        return problem.target.add_(1e-6 * _mean(problem, generator)).clone()


@dataclass(frozen=True)
class Reseeds(Plain):
    """Seeds the generator that it is given: all draws of a stream are the same."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        generator.manual_seed(generator.initial_seed() + 1)
        return _mean(problem, generator)


@dataclass(frozen=True)
class OwnGenerator(Plain):
    """Ignores the generator for one of its own: all estimates are the same."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        return _mean(problem, torch.Generator().manual_seed(0))


# Distributions.


@dataclass(frozen=True)
class DrawsTooWide(Plain):
    """Its own draws forget to average."""

    def draws(self, problem: Mean, n: int, generator: torch.Generator) -> Tensor:
        return problem.sample(n, generator)


@dataclass(frozen=True)
class DrawsShifted(Plain):
    """Its own draws are off by a standard deviation."""

    def draws(self, problem: Mean, n: int, generator: torch.Generator) -> Tensor:
        return problem.sample(n * SAMPLES, generator).reshape(n, SAMPLES, -1).mean(1) + SAMPLES**-0.5


@dataclass(frozen=True)
class DrawsShare(Plain):
    """All draws of one call share three of their four samples."""

    def draws(self, problem: Mean, n: int, generator: torch.Generator) -> Tensor:
        shared, own = problem.sample(SAMPLES - 1, generator), problem.sample(n, generator)
        return (shared.sum(0) + own) / SAMPLES


@dataclass(frozen=True)
class DrawsMirrored(Plain):
    """Draws come in pairs x, 2t − x, in which errors cancel."""

    def draws(self, problem: Mean, n: int, generator: torch.Generator) -> Tensor:
        half = problem.sample((n + 1) // 2 * SAMPLES, generator).reshape(-1, SAMPLES, problem.dim).mean(1)
        return torch.cat([half, 2 * problem.target - half])[:n]


# Claims and work.


@dataclass(frozen=True)
class FalseBias(Plain):
    """Claims to be unbiased, and is not."""

    claims = (Unbiased(),)

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        return _mean(problem, generator) + 0.5


@dataclass(frozen=True)
class FalseVariance(Plain):
    """Forgets a factor of the dimension."""

    claims = (Variance(lambda problem, estimator: 1 / SAMPLES, "1/k"),)


@dataclass(frozen=True)
class BrokenFormula(Plain):
    """Its formula reads what no problem has."""

    claims = (Variance(lambda problem, estimator: problem.spectrum, "Σλ²"),)


@dataclass(frozen=True)
class CountsNothing(Plain):
    """Goes around the problem's oracles."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        return problem.target + torch.randn(
            problem.dim, generator=generator, device=generator.device, dtype=problem.torch_dtype
        )


@functools.cache
def _scale(dim: int) -> float:
    count("evaluation", dim)
    return 1.0


@dataclass(frozen=True)
class CountsOnce(Plain):
    """Pays for its set-up in the first estimate only."""

    def estimate(self, problem: Mean, generator: torch.Generator) -> Tensor:
        found = _mean(problem, generator) * _scale(problem.dim)
        if torch.get_rng_state().numel():  # each check begins without the set-up
            _Cache.calls += 1
        if _Cache.calls % 2:
            _scale.cache_clear()
        return found


# Problems.


@dataclass(frozen=True, kw_only=True)
class NarrowTruth(Mean):
    """Its truth is float32."""

    @property
    def truth(self) -> Tensor:
        return torch.ones(self.dim)


@dataclass(frozen=True, kw_only=True)
class InfiniteTruth(Mean):
    """Its truth is not finite."""

    @property
    def truth(self) -> Tensor:
        return torch.ones(self.dim, dtype=torch.float64) / 0


@dataclass(frozen=True, kw_only=True)
class NoTruthSource(Mean):
    """Does not say where its truth comes from."""

    @property
    def truth_source(self) -> str:
        return ""


@dataclass(frozen=True, kw_only=True)
class RandomTruth(Mean):
    """Its data come from the global generator."""

    @cached_property
    def truth(self) -> Tensor:
        return torch.randn(self.dim, dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class LoadsLate(Mean):
    """Its first preparation in a process imports a library, which draws from the global generator as it loads."""

    is_loaded: ClassVar[bool] = False

    def prepare(self) -> None:
        if not LoadsLate.is_loaded:
            random.gauss(0.0, 1.0)
        LoadsLate.is_loaded = True


@dataclass(frozen=True, kw_only=True)
class TruthByDtype(Mean):
    """Draws its data in its dtype, which gives other numbers."""

    @cached_property
    def truth(self) -> Tensor:
        return torch.randn(64, dtype=self.torch_dtype, generator=self.data_generator())[: self.dim].double()


@dataclass(frozen=True, kw_only=True)
class Eager(Mean):
    """Makes its data when it is made."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", torch.zeros(10))


@dataclass(frozen=True, kw_only=True)
class NoMagnitude(Mean):
    """A magnitude far below its truth."""

    @property
    def magnitude(self) -> float:
        return 0.0


@dataclass(frozen=True, kw_only=True)
class WrongAxis(Mean):
    """An axis with too few values."""

    @property
    def axis(self) -> tuple[str, tuple[float, ...]]:
        return "step", (0.0,)


# Densities.


@dataclass(frozen=True, kw_only=True)
class Normal(LaplacianDensity, NoisedDensity):
    """N(0, s²I), normalised.

    Parameters:
        scale: s.
    """

    scale: PositiveFloat = 1.5

    citation = CITATION

    def log_prob(self, x: Tensor) -> Tensor:
        return -0.5 * (x / self.scale).square().sum(-1) - self.dim * math.log(self.scale * math.sqrt(2 * math.pi))

    def score(self, x: Tensor) -> Tensor:
        return -x / self.scale**2

    def laplacian(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x[..., 0]) - self.dim / self.scale**2

    def noised(self, sigma: float) -> Density:
        return Normal(dim=self.dim, scale=math.hypot(self.scale, sigma))

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return self.scale * torch.randn(n, self.dim, generator=generator, dtype=torch.float64)

    @property
    def modes(self) -> Tensor:
        return torch.zeros(1, self.dim, dtype=torch.float64)

    @property
    def mean(self) -> Tensor:
        return torch.zeros(self.dim, dtype=torch.float64)

    @property
    def covariance_matrix(self) -> Tensor:
        return self.scale**2 * torch.eye(self.dim, dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class WrongScore(Normal):
    """A score of the wrong sign."""

    def score(self, x: Tensor) -> Tensor:
        return x / self.scale**2


@dataclass(frozen=True, kw_only=True)
class WrongPair(Normal):
    """Log-density and score in one, of another scale than each alone."""

    def log_prob_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.log_prob(x), 2 * self.score(x)


@dataclass(frozen=True, kw_only=True)
class WrongLaplacian(Normal):
    """A Laplacian that is divided by the dimension."""

    def laplacian(self, x: Tensor) -> Tensor:
        return super().laplacian(x) / self.dim


@dataclass(frozen=True, kw_only=True)
class MixesPoints(Normal):
    """Sums over the batch as well."""

    def log_prob(self, x: Tensor) -> Tensor:
        return super().log_prob(x).sum()


@dataclass(frozen=True, kw_only=True)
class Branches(Normal):
    """A branch that depends on the data."""

    def score(self, x: Tensor) -> Tensor:
        return super().score(x) if bool((x < 1e9).all()) else x


@dataclass(frozen=True, kw_only=True)
class NarrowSamples(Normal):
    """Samples in float32."""

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return super().sample(n, generator).float()


@dataclass(frozen=True, kw_only=True)
class GlobalSamples(Normal):
    """Samples from the global generator."""

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return self.scale * torch.randn(n, self.dim, dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class WideSamples(Normal):
    """Samples with the variance for a standard deviation."""

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return self.scale * super().sample(n, generator)


@dataclass(frozen=True, kw_only=True)
class NotNormalised(Normal):
    """Forgets the constant and says that it is normalised."""

    def log_prob(self, x: Tensor) -> Tensor:
        return -0.5 * (x / self.scale).square().sum(-1)


@dataclass(frozen=True, kw_only=True)
class WrongMoments(Normal):
    """Gives standard deviations for variances."""

    @property
    def covariance_matrix(self) -> Tensor:
        return self.scale * torch.eye(self.dim, dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class WrongModes(Normal):
    """A mode that is none."""

    @property
    def modes(self) -> Tensor:
        return torch.ones(1, self.dim, dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class WrongNoise(Normal):
    """Adds standard deviations."""

    def noised(self, sigma: float) -> Density:
        return Normal(dim=self.dim, scale=self.scale + sigma)


@dataclass(frozen=True, kw_only=True)
class DoubleDensity(Normal):
    """Computes in float64 always."""

    def score(self, x: Tensor) -> Tensor:
        return super().score(x.double())


@dataclass(frozen=True, kw_only=True)
class EagerDensity(Normal):
    """Makes its data when it is made."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", torch.zeros(10))


REGISTERED = (Good, Plain, Derived, NotDecorated, NeedsMore, LoosePath, Silent, HalfSilent, NoSource, FalseBias)


@hookimpl
def bench_tasks() -> list[TaskEntry]:
    return [TaskEntry("mean", f"{__name__}:MEAN", "mean of a normal law")]


@hookimpl
def bench_problems() -> list[ProblemEntry]:
    return [ProblemEntry("mean", f"{__name__}:Mean", "mean of a normal law", "mean")]


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [
        EstimatorEntry(cls.__name__.lower(), f"{__name__}:{cls.__name__}", "an animal of the zoo", ("mean",))
        for cls in REGISTERED
    ]
