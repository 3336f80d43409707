"""A task whose estimates are sets of samples, and one whose problem reads more off its estimates."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import (
    Cost,
    Deterministic,
    ErrorBarEstimator,
    Estimator,
    EstimatorEntry,
    Problem,
    ProblemEntry,
    Reads,
    SampleProblem,
    SampleSet,
    Task,
    TaskEntry,
    Unbiased,
    count,
    hookimpl,
)


@hookimpl
def bench_tasks():
    return [
        TaskEntry("toy_sampling", f"{__name__}:SAMPLING", "standard normal samples"),
        TaskEntry("toy_number", f"{__name__}:NUMBER", "the number 2"),
    ]


@hookimpl
def bench_problems():
    return [
        ProblemEntry("standard_normal", f"{__name__}:StandardNormal", "N(0, 1)", "toy_sampling"),
        ProblemEntry("two", f"{__name__}:Two", "2", "toy_number"),
    ]


@hookimpl
def bench_estimators():
    tasks = dict.fromkeys((Sampler, OneArray, WrongShape, Changing), "toy_sampling") | dict.fromkeys(
        (Off, Barred), "toy_number"
    )
    return [
        EstimatorEntry(cls.__name__.lower(), f"{__name__}:{cls.__name__}", cls.__doc__, (task,))
        for cls, task in tasks.items()
    ]


@dataclass(frozen=True, kw_only=True)
class StandardNormal(SampleProblem):
    """N(0, 1) by sets of `chains` samples; the discrepancy is |mean|."""

    chains: int = 64
    truth_source = "closed form"

    @property
    def estimate_shape(self):
        return 1, self.chains, 1

    def discrepancy(self, samples):
        return samples.points.mean().abs()

    def errors(self, samples, estimator):
        return {"second_moment": (samples.points.square().mean() - 1).abs()}

    def readings(self, samples, estimator):
        return {"mean": samples.points.mean(), "scale": estimator.scale}


@dataclass(frozen=True)
class Sampler(Estimator):
    """scale · N(0, 1) + shift."""

    shift: float = 0.0
    scale: float = 1.0
    steps: int = 3

    claims = (
        Reads("mean", lambda problem, sampler: 0.0, "0"),
        Reads("acceptance", lambda problem, sampler: 0.75),
        Reads("absent", lambda problem, sampler: None),
        Cost("step", lambda problem, sampler: 3),
    )

    def estimate(self, problem, generator):
        count("step", self.steps)
        noise = torch.randn(problem.estimate_shape, generator=generator, dtype=problem.torch_dtype)
        return SampleSet(self.scale * noise + self.shift, {"acceptance": 0.75})


@dataclass(frozen=True)
class OneArray(Sampler):
    """Forgets the set around its points."""

    def estimate(self, problem, generator):
        return super().estimate(problem, generator).points


@dataclass(frozen=True)
class WrongShape(Sampler):
    """Loses the axis of records."""

    def estimate(self, problem, generator):
        return SampleSet(super().estimate(problem, generator).points[0])


@dataclass(frozen=True)
class Changing(Sampler):
    """Reports now one thing and now another."""

    def estimate(self, problem, generator):
        points = super().estimate(problem, generator).points
        return SampleSet(points, {"left": 1.0} if float(points.mean()) < 0 else {"right": 1.0})


@dataclass(frozen=True, kw_only=True)
class Two(Problem):
    """The number 2, and how far an estimate is from 3."""

    truth_source = "closed form"

    @property
    def truth(self) -> Tensor:
        return torch.tensor([2.0], dtype=torch.float64)

    def errors(self, estimate: Tensor, estimator) -> Mapping[str, Tensor]:
        return {"to_three": (estimate - 3).abs()}

    def readings(self, estimate, estimator):
        return {"double": 2 * estimate}


@dataclass(frozen=True)
class Off(Estimator):
    """2 + shift + noise · N(0, 1)."""

    shift: float = 0.5
    noise: float = 0.0

    claims = (
        Deterministic(when=lambda problem, estimator: estimator.noise == 0, given="there is no noise"),
        Unbiased(),
        Reads("to_three", lambda problem, estimator: 0.5, when=lambda problem, estimator: estimator.noise == 0),
        Reads("missing", lambda problem, estimator: 1.0, when=lambda problem, estimator: estimator.noise == 2),
    )

    def estimate(self, problem, generator):
        value = torch.full((1,), 2 + self.shift, dtype=problem.torch_dtype)
        if self.noise == 0:
            return value
        return value + self.noise * torch.randn(1, generator=generator, dtype=problem.torch_dtype)


@dataclass(frozen=True)
class Barred(ErrorBarEstimator):
    """2 + e N(0, 1) with a standard error e, uniform from 0.1 to 0.2."""

    claims = (Reads("precision", lambda problem, estimator: 10 * math.log(2), "E 1/e"),)

    def estimate_with_error(self, problem, generator):
        error = 0.1 + 0.1 * torch.rand(1, generator=generator, dtype=problem.torch_dtype)
        return 2 + error * torch.randn(1, generator=generator, dtype=problem.torch_dtype), error

    def statistics(self, error):
        return {"precision": 1 / error}


SAMPLING = Task(StandardNormal, "sampler", "step")
NUMBER = Task(Two, "off", "call")
