"""A plugin of problems that go wrong at each step of being made; each evaluation of a truth is counted."""

import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from estibench import Estimator, EstimatorEntry, ProblemEntry, Unsupported, hookimpl
from estibench_trace.structured_matrix import StructuredMatrix


@hookimpl
def bench_problems():
    return [ProblemEntry(cls.__name__.lower(), f"{__name__}:{cls.__name__}", cls.__doc__, "trace") for cls in ALL]


@hookimpl
def bench_estimators():
    return [EstimatorEntry("noisy", f"{__name__}:Noisy", "truth + noise", ("trace",))]


def note():
    with Path(os.environ["TRUTHS"]).open("a") as file:
        file.write("truth\n")


@dataclass(frozen=True)
class Noisy(Estimator):
    """truth + scale · N(0, 1)."""

    scale: float = 1.0

    def estimate(self, problem, generator):
        noise = torch.randn(1, generator=generator, dtype=problem.torch_dtype)
        return problem.truth.to(problem.torch_dtype) + self.scale * noise


@dataclass(frozen=True, kw_only=True)
class RaisingTruth(StructuredMatrix):
    """Its truth raises."""

    @property
    def truth(self):
        note()
        weight = torch.ones(1, requires_grad=True)
        return torch.from_numpy(weight.numpy())


@dataclass(frozen=True, kw_only=True)
class SlowRaisingTruth(StructuredMatrix):
    """Its truth raises, but not before another worker might have begun it too."""

    @property
    def truth(self):
        note()
        time.sleep(1)
        raise MemoryError("too large")


@dataclass(frozen=True, kw_only=True)
class RaisingData(StructuredMatrix):
    """Its data cannot be made."""

    def prepare(self):
        note()
        raise ValueError("no data")


@dataclass(frozen=True, kw_only=True)
class RaisingPlace(StructuredMatrix):
    """It cannot be moved."""

    def at(self, device, dtype):
        note()
        raise TypeError("not there")


@dataclass(frozen=True, kw_only=True)
class NeedsMore(StructuredMatrix):
    """It does not apply."""

    @property
    def truth(self):
        note()
        raise Unsupported("needs a library")


@dataclass(frozen=True, kw_only=True)
class SingleTruth(StructuredMatrix):
    """Its truth is in single precision."""

    @property
    def truth(self):
        return torch.ones(1)


@dataclass(frozen=True, kw_only=True)
class TextTruth(StructuredMatrix):
    """Its truth is a text."""

    @property
    def truth(self):
        return "three"


@dataclass(frozen=True, kw_only=True)
class GradientTruth(StructuredMatrix):
    """Its truth carries a gradient and is computed whenever somebody asks."""

    @property
    def truth(self):
        note()
        return torch.full((1,), 3.0, dtype=torch.float64, requires_grad=True) * 2


@dataclass(frozen=True, kw_only=True)
class CachedGradientTruth(StructuredMatrix):
    """Its truth carries a gradient and is computed once."""

    @cached_property
    def truth(self):
        note()
        return torch.full((1,), 3.0, dtype=torch.float64, requires_grad=True) * 2


ALL = [
    RaisingTruth,
    SlowRaisingTruth,
    RaisingData,
    RaisingPlace,
    NeedsMore,
    SingleTruth,
    TextTruth,
    GradientTruth,
    CachedGradientTruth,
]
