"""A model that is one number, and estimators that train it: for tests of the training loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Estimator, EstimatorEntry, Fit, FitProblem, ProblemEntry, Task, TaskEntry, count, hookimpl

TARGET = 3.0


@dataclass(frozen=True, kw_only=True)
class Valley(FitProblem):
    """½(θ − 3)², whose gradient is seen with noise. Judging counts too, which must not be charged to the estimator."""

    steps: int = 100
    rate: float = 0.3
    judged: bool = True

    truth_source = "closed form"

    @property
    def truth(self) -> Tensor:
        return torch.zeros(len(self.checkpoints), dtype=torch.float64)

    def use(self, noise: float, generator: torch.Generator, runs: int | None = None) -> Fit:
        shape = () if runs is None else (runs,)

        def gradient(parameters: tuple[Tensor, ...], steps: int) -> tuple[tuple[Tensor, ...], int]:
            count("evaluation")
            x = torch.randn(shape, generator=generator, dtype=self.torch_dtype)
            return (parameters[0] - TARGET + noise * x,), steps + 1

        start = self.place(torch.zeros(shape, dtype=torch.float64))
        return self.train((start,), gradient, 0, side_by_side=runs is not None, generator=generator)

    def wander(self, generator: torch.Generator) -> Fit:
        """One run whose noise remembers, so that a state matters."""

        def gradient(parameters: tuple[Tensor, ...], noise: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
            count("evaluation")
            noise = 0.9 * noise + 0.1 * torch.randn((), generator=generator, dtype=self.torch_dtype)
            return (parameters[0] - TARGET + noise,), noise

        start = self.place(torch.zeros((), dtype=torch.float64))
        return self.train((start,), gradient, start, generator=generator)

    def curve(self, fit: Fit, estimator: Any) -> Tensor:
        count("evaluation", 1000)
        return 0.5 * (fit.snapshots[0] - TARGET).square()

    def real(self, n: int, generator: torch.Generator) -> Tensor | None:
        if not self.judged:
            return None
        return TARGET + torch.randn(n, 2, generator=generator, dtype=torch.float64)

    def samples(self, fit: Fit, estimator: Any, n: int, generator: torch.Generator) -> Tensor:
        count("evaluation", 1000)
        return fit.final[0] + torch.randn(n, 2, generator=generator, dtype=self.torch_dtype)


@dataclass(frozen=True)
class Descent(Estimator):
    """Adam along the noisy gradient."""

    noise: float = 0.1

    def estimate(self, problem: Valley, generator: torch.Generator) -> Fit:
        return problem.use(self.noise, generator)

    def draws(self, problem: Valley, n: int, generator: torch.Generator) -> Fit:
        return problem.use(self.noise, generator, n)


@dataclass(frozen=True)
class Wandering(Estimator):
    """Adam along noise that remembers; of many runs each by the host."""

    def estimate(self, problem: Valley, generator: torch.Generator) -> Fit:
        return problem.wander(generator)


@dataclass(frozen=True)
class OneByOne(Wandering):
    """The same, one run after the other."""

    def draws(self, problem: Valley, n: int, generator: torch.Generator) -> Fit:
        raise NotImplementedError


@dataclass(frozen=True)
class Alone(Wandering):
    """Trains by itself."""

    def estimate(self, problem: Valley, generator: torch.Generator) -> Fit:
        noise = torch.randn((len(problem.checkpoints),), generator=generator, dtype=problem.torch_dtype)
        return Fit((TARGET + noise,))


@dataclass(frozen=True)
class Curve(Estimator):
    """Returns its curve: what a fit is made of is missing."""

    def estimate(self, problem: Valley, generator: torch.Generator) -> Any:
        return problem.curve(problem.use(0.1, generator), self)


@dataclass(frozen=True)
class Exploding(Descent):
    """Descends along infinite noise."""

    noise: float = float("inf")


VALLEY = Task(Valley, "descent", "evaluation")


@hookimpl
def bench_tasks() -> list[TaskEntry]:
    return [TaskEntry("valley_fit", f"{__name__}:VALLEY", "one number, trained")]


@hookimpl
def bench_problems() -> list[ProblemEntry]:
    return [ProblemEntry("valley", f"{__name__}:Valley", "a parabola", "valley_fit")]


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    names = {"descent": "Descent", "curve": "Curve", "exploding": "Exploding", "wandering": "Wandering"}
    names |= {"one_by_one": "OneByOne", "alone": "Alone"}
    return [EstimatorEntry(name, f"{__name__}:{cls}", cls, ("valley_fit",)) for name, cls in names.items()]
