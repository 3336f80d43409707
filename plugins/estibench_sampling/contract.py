"""The contract between samplers and the problems that they sample: chains that step along a schedule."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from estibench import Claim, Estimator, PositiveInt, Reads, SampleSet, Unsupported
from estibench_sampling.normal_laws import Affine, Law, Modes
from estibench_sampling.problem import Sampling
from estibench_sampling.target import Target


@dataclass(frozen=True)
class Sampler(Estimator):
    """A sampler whose chains all step at once, in one batch. Each of ours lives in its own file as two pure functions:
    `init` makes a state, a named tuple whose `x` is (chains, dim), and `step` the next one. The class composes them
    with a schedule; so may anyone else. `KernelSampler` takes such a pair as it is.

    Parameters:
        steps: number of steps.

    Class attributes:
        anneals: whether only the last state is a sample, because the law of the chain moves towards the target.
    """

    steps: PositiveInt = 100

    anneals: ClassVar[bool] = False

    def starting_points(self, problem: Sampling, generator: torch.Generator) -> Tensor:
        """The x that `start` is given. Default: where the problem's chains start, (chains, dim)."""
        return problem.starting_points(generator)

    @abstractmethod
    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> Any:
        """The state of chains that start at x, (chains, dim); a sampler may have a start of its own."""

    @abstractmethod
    def step(self, target: Target, state: Any, control: Any, generator: torch.Generator) -> Any:
        """The state one step later, as the schedule's entry `control` says."""

    def schedule(self) -> Sequence[Any]:
        """What each of the steps is told, in order: its step size, or its noise level too. Default: nothing."""
        return [None] * self.steps

    def report(self, state: Any) -> dict[str, Tensor]:
        """Scalars that the sampler knows about its run, from its last state: columns `reading_…`. Default: none."""
        return {}

    @final
    def estimate(self, problem: Sampling, generator: torch.Generator) -> SampleSet:
        """One run of all chains."""
        if self.anneals and problem.records > 1:
            raise Unsupported("only its last state is a sample: give the problem one record")
        kept = problem.recorded_steps(self.steps)
        target = problem.target
        state = self.start(target, self.starting_points(problem, generator), generator)
        records = []
        for k, control in enumerate(self.schedule(), 1):
            state = self.step(target, state, control, generator)
            if k in kept:
                records.append(state.x.clone())  # a step may work in place
        return SampleSet(torch.stack(records), self.report(state))


def law_of_records(problem: Sampling, sampler: LinearSampler) -> tuple[Modes, Tensor] | None:
    """The modes λ of a normal target and, averaged over the records, E(x − μ)² in each, (m,). None elsewhere."""
    modes, start = problem.normal_modes, problem.starting_law
    if modes is None or start is None:
        return None
    law, kept, found = sampler.normal_start(modes, *start), problem.recorded_steps(sampler.steps), []
    for k, control in enumerate(sampler.schedule(), 1):
        law = law.after(sampler.normal_step(modes, control))
        if k in kept:
            found.append(law.covariance[:, 0, 0] + (law.mean[:, 0] - modes.mean).square())
    return modes, torch.stack(found).mean(0)


def spread(problem: Sampling, sampler: LinearSampler) -> float | None:
    """E‖x − μ‖²/tr Σ of the records on a normal target."""
    found = law_of_records(problem, sampler)
    return None if found is None else float(found[1].sum() / found[0].variance.sum())


def mahalanobis(problem: Sampling, sampler: LinearSampler) -> float | None:
    """E(x − μ)ᵀΣ⁻¹(x − μ)/m of the records on a normal target."""
    found = law_of_records(problem, sampler)
    return None if found is None else float((found[1] / found[0].variance).mean())


@dataclass(frozen=True)
class LinearSampler(Sampler):
    """A sampler whose step is affine where the score is, so that its law on a normal target is known at every step."""

    claims: ClassVar[tuple[Claim, ...]] = (
        Reads("spread", spread, "closed form of the recursion on a normal target"),
        Reads("mahalanobis", mahalanobis, "closed form of the recursion on a normal target"),
    )

    @abstractmethod
    def normal_start(self, modes: Modes, mean: Tensor, variance: Tensor) -> Law:
        """The law of the first state where x starts with this mean and variance in each mode, (m,) each."""

    @abstractmethod
    def normal_step(self, modes: Modes, control: Any) -> Affine:
        """What `step` does to each mode of a normal target."""


def stationary(problem: Sampling, sampler: Any) -> bool:
    """Whether chains start in the target's own law, and that has the moments for a test."""
    return problem.start == "exact" and problem.has_fourth_moments


@dataclass(frozen=True)
class MetropolisSampler(Sampler):
    """A sampler that accepts or rejects its moves and therefore leaves the target invariant: exact, once stationary.

    Its state has `accepted`, how often each chain has moved: (chains,).
    """

    claims: ClassVar[tuple[Claim, ...]] = (
        Reads("spread", lambda p, e: 1.0, "1", when=stationary, given="chains start in the target"),
        Reads("mahalanobis", lambda p, e: 1.0, "1", when=stationary, given="chains start in the target"),
    )

    @final
    def report(self, state: Any) -> dict[str, Tensor]:
        return {"acceptance": state.accepted.mean() / self.steps}


def constant(step_size: float, steps: int) -> list[float]:
    """The schedule of equal steps."""
    return [step_size] * steps
