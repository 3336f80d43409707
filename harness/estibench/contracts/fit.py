"""The family of fits: a draw is one training run, and what is judged is the model that it leads to."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from estibench.contracts.adam import Adam, Parameters
from estibench.contracts.counting import counting
from estibench.contracts.density import Density
from estibench.contracts.parameters import PositiveFloat, PositiveInt
from estibench.contracts.problem import Problem
from estibench.contracts.sample_reference import SampleReference
from estibench.contracts.unfinished import unfinished

Gradient = Callable[[Parameters, Any], tuple[Parameters, Any]]
"""(parameters, state) → (the gradient that a step follows, the state of the next step)."""

JUDGED = 512  # samples of a model that are compared with real ones
PER_SAMPLE = 4  # real ones for each
FLOORS = 4  # sets of real ones that are judged like a model's
REFERENCE = 7_001  # added to the seed of a problem

_AT_MOST: ContextVar[int | None] = ContextVar("most_steps", default=None)
_RUNS: ContextVar[list[int] | None] = ContextVar("runs", default=None)  # how many, until a training takes note of it


class Fit(NamedTuple):
    """What a training run gives: the parameters as they were at each checkpoint.

    Attributes:
        snapshots: every parameter, (checkpoints, *shape); of n runs side by side (n, checkpoints, *shape).
    """

    snapshots: Parameters

    @property
    def final(self) -> Parameters:
        """The parameters at the last checkpoint of one run."""
        return tuple(one[-1] for one in self.snapshots)

    @classmethod
    def together(cls, runs: Iterable[Fit]) -> Fit:
        """Single runs, as if they had been made side by side."""
        return cls(tuple(torch.stack(one) for one in zip(*(run.snapshots for run in runs), strict=True)))

    def at_each(self, judge: Callable[[Parameters], Tensor], like: Parameters) -> Tensor:
        """A scalar of the parameters at each checkpoint, one after the other: (..., checkpoints).

        Args:
            like: one set of parameters, for their shapes.
        """
        leading = self.snapshots[0].shape[: self.snapshots[0].dim() - like[0].dim()]
        flat = [one.flatten(0, len(leading) - 1) for one in self.snapshots]
        return torch.stack([judge(parameters) for parameters in zip(*flat, strict=True)]).reshape(leading)

    def runs(self) -> Iterator[Fit]:
        """Each of the runs that were made side by side."""
        for one in zip(*self.snapshots, strict=True):
            yield Fit(one)


class Training(NamedTuple):
    """Where a training is, between two steps.

    Attributes:
        steps: taken so far.
        mean, square: see `Adam`.
        state: what the next gradient is given.
        snapshots: the parameters at each checkpoint so far.
    """

    steps: int
    parameters: Parameters
    mean: Parameters
    square: Parameters
    state: Any
    snapshots: tuple[Parameters, ...]

    @classmethod
    def at_start(cls, parameters: Parameters, state: Any) -> Training:
        adam = Adam.start(parameters, 0.0)
        return cls(0, parameters, adam.mean, adam.square, state, (parameters,))


@dataclass(frozen=True, kw_only=True)
class FitProblem(Problem):
    """A model, how an estimator's gradients train it, and how it is judged. A draw is one training run by Adam, always
    from the same start, on randomness of its own; its estimate is a `Fit`.

    What counts is the `curve` of the model's quality over checkpoints, (checkpoints,), which is read off the snapshots
    when all clocks have stopped: times and costs of a run are those of its training. A model whose parameters have
    overflowed has a curve that is not finite, and its row says so. Of a model that can be sampled, `errors` are
    distances of samples at the end of the run to real ones, and `readings` the floor of each, real against real.

    Parameters:
        steps: Adam steps of a run.
        rate: Adam's step size at the start.
        schedule: of the step size: it falls to 0 along a cosine, or is constant.

    Source: Loshchilov and Hutter, ICLR 2017, SGDR, equation 5 (the cosine).
    """

    steps: PositiveInt = 300
    rate: PositiveFloat = 0.01
    schedule: Literal["cosine", "constant"] = "cosine"

    per_decade: ClassVar[int] = 4

    @abstractmethod
    def curve(self, fit: Fit, estimator: Any) -> Tensor:
        """How good the model is at each checkpoint; the snapshots' leading dimensions: (..., checkpoints)."""

    def samples(self, fit: Fit, estimator: Any, n: int, generator: torch.Generator) -> Tensor:
        """n samples of the model at the end of a run, (n, dim), where it can be sampled: then override `real` as well.

        They are compared with real ones, and pictures show them.
        """
        raise NotImplementedError

    def real(self, n: int, generator: torch.Generator) -> Tensor | None:
        """n samples of the law that the model learns, (n, dim), float64 on the CPU: fresh, or points that are held out,
        then at most as many as there are. Default: None, the model is not sampled.

        Args:
            generator: on the CPU.
        """
        return None

    @property
    def law(self) -> Density | None:
        """That law, where it is known: the shares of samples that are nearest to each of its modes are compared."""
        return None

    @cached_property
    def _reference(self) -> tuple[SampleReference, Tensor] | None:
        """Real samples to compare with, and other sets of them, each as large as that of a model: (sets, n, dim)."""
        stream = torch.Generator().manual_seed(self.seed + REFERENCE)
        found = self.real(JUDGED * (FLOORS + PER_SAMPLE), stream)
        if found is None:
            return None
        judged = min(JUDGED, len(found) // 2)
        sets = len(found) // judged
        parts = found[: sets * judged].unflatten(0, (sets, judged))
        floors = min(FLOORS, sets // 2)
        others, rest = parts[:floors], parts[floors:].flatten(0, 1)
        return SampleReference.of(rest, stream, self.place, self.law), self.place(others)

    def errors(self, fit: Fit, estimator: Any) -> Mapping[str, Tensor]:
        """Distances of the final model's samples to real ones: sliced_wasserstein, energy_distance, mmd, and
        mode_weights."""
        if self._reference is None:
            return {}
        stream = torch.Generator(self.device).manual_seed(self.seed + REFERENCE)
        with counting():  # what judging spends is not the estimator's
            found = self.samples(fit, estimator, self._reference[1].shape[1], stream)
        return self._distances(found)

    def readings(self, fit: Fit, estimator: Any) -> Mapping[str, Tensor]:
        """The floor of each distance: the mean over sets of real samples, each as large as that of the model."""
        if self._reference is None:
            return {}
        return {f"floor_{name}": value for name, value in self._floor.items()}

    @cached_property
    def _floor(self) -> dict[str, Tensor]:
        assert self._reference is not None
        found = [self._distances(one) for one in self._reference[1]]
        return {name: torch.stack([one[name] for one in found]).mean() for name in found[0]}

    def _distances(self, x: Tensor) -> dict[str, Tensor]:
        assert self._reference is not None
        reference = self._reference[0]
        return {"sliced_wasserstein": reference.sliced_wasserstein(x), **reference.distances(x)}

    @cached_property
    def checkpoints(self) -> tuple[int, ...]:
        """Numbers of steps: 0, then about `per_decade` to a decade, and the last."""
        k = self.per_decade
        geometric = {round(10 ** (i / k)) for i in range(k * math.ceil(math.log10(self.steps)) + 1)}
        return (0, *sorted(step for step in geometric if step < self.steps), self.steps)

    @property
    def axis(self) -> tuple[str, tuple[float, ...]]:
        return "step", tuple(map(float, self.checkpoints))

    @property
    def magnitude(self) -> float:
        return 1.0

    def after_step(self, parameters: Parameters, state: Any) -> Parameters:
        """The parameters that a step ends with. Default: as Adam has left them.

        For what follows a rule of its own, such as a moving average: its gradient is 0, so that Adam leaves it alone.

        Args:
            state: that of the next step, as `gradient` has returned it in this one.
        """
        return parameters

    def train(
        self,
        start: Parameters,
        gradient: Gradient,
        state: Any = None,
        side_by_side: bool = False,
        generator: torch.Generator | None = None,
    ) -> Fit:
        """One run, or several at once: Adam treats every number by itself.

        Under `Estimator.draws` many are made at once: each step is a `torch.func.vmap` over runs.

        Args:
            start: the parameters, all in one dtype.
            gradient: called once for each step.
            state: what `gradient` is given at the first step; what it returns is a tree of tuples and tensors.
            side_by_side: whether the first dimension of all parameters counts runs.
            generator: what `gradient` draws from. With it, a run that is interrupted goes on where it was.
        """
        runs = None if side_by_side else _taken()
        if runs is not None:
            start = tuple(one.expand(runs, *one.shape) for one in start)
        at, run = Training.at_start(start, state), None
        most, kept = min(self.steps, _AT_MOST.get() or self.steps), unfinished()
        if kept is not None and generator is not None:
            run = kept.begin(generator, self.steps, runs, *(tuple(one.shape) for one in start))
            at = at if run.found is None else Training(*run.found)
        while at.steps < most:
            at = self._next(at, gradient, runs is not None)
            if run is not None:
                run.keep(tuple(at), at.steps == most)
        dim = int(side_by_side or runs is not None)
        return Fit(tuple(torch.stack(one, dim) for one in zip(*at.snapshots, strict=True)))

    def _next(self, at: Training, gradient: Gradient, each: bool) -> Training:
        """A training one step later.

        Args:
            each: whether `gradient` and `after_step` know one run, and there are many.
        """
        settle = self.after_step
        if each:  # the state that all runs begin with is one and the same
            gradient = torch.func.vmap(gradient, (0, 0 if at.steps else None), randomness="different")
            if type(self).after_step is not FitProblem.after_step:
                settle = torch.func.vmap(settle)
        slope, state = gradient(at.parameters, at.state)
        adam = Adam(self._rate(at.steps + 1), at.mean, at.square, at.steps)
        parameters, adam = adam.step(at.parameters, slope)
        parameters = settle(parameters, state)
        steps = at.steps + 1
        snapshots = (*at.snapshots, parameters) if steps in self.checkpoints else at.snapshots
        return Training(steps, parameters, adam.mean, adam.square, state, snapshots)

    def _rate(self, step: int) -> float:
        """The step size of step 1, 2, …"""
        if self.schedule == "constant":
            return self.rate
        return 0.5 * self.rate * (1 + math.cos(math.pi * (step - 1) / self.steps))


@contextmanager
def at_most(steps: int) -> Iterator[None]:
    """Training runs end after so many steps, for what is asked of a run and needs no whole one."""
    token = _AT_MOST.set(steps)
    try:
        yield
    finally:
        _AT_MOST.reset(token)


@contextmanager
def together(n: int) -> Iterator[None]:
    """Inside the `with` block the next `FitProblem.train` makes n runs side by side.

    Raises:
        NotImplementedError: at the end, where nobody has trained.
    """
    wanted = [n]
    token = _RUNS.set(wanted)
    try:
        yield
    finally:
        _RUNS.reset(token)
    if wanted:
        raise NotImplementedError("it trains without FitProblem.train")


def _taken() -> int | None:
    """How many runs to make side by side; only the first training is asked to."""
    wanted = _RUNS.get()
    return wanted.pop() if wanted else None
