"""The contract of density evolution: a diffusion from a known law, and its density at points and times."""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from estibench import PositiveFloat, PositiveInt, Problem, count


@dataclass(frozen=True, kw_only=True)
class EvolutionProblem(Problem):
    """p(x, t), the density of X_t where dX = f(X) dt + g dW from X_0 ~ p_0: the solution of the Fokker–Planck equation

        ∂p/∂t = −∇·(f p) + ½g² Δp.

    The truth has shape (times, points): every point at every time. The points are samples of p_t, an equal share of
    each time. The unit of work is the `update`: one particle, path, point or cell that is carried over one time step.

    Parameters:
        times: rising.
        points: their number.
    """

    dim: PositiveInt = 1
    times: tuple[PositiveFloat, ...] = (0.25, 0.5, 1.0, 2.0)
    points: PositiveInt = 32

    def __post_init__(self) -> None:
        if not self.times or list(self.times) != sorted(set(self.times)):
            raise ValueError(f"times must rise, got {list(self.times)}")

    @property
    @abstractmethod
    def diffusion(self) -> float:
        """g ≥ 0."""

    @abstractmethod
    def field(self, x: Tensor) -> Tensor:
        """f: (..., dim) → (..., dim)."""

    @abstractmethod
    def divergence(self, x: Tensor) -> Tensor:
        """∇·f: (..., dim) → (...)."""

    @abstractmethod
    def log_density(self, x: Tensor, t: float) -> Tensor:
        """log p(x, t), exactly; at t = 0 that of the start: (..., dim) → (...)."""

    @abstractmethod
    def score(self, x: Tensor, t: float) -> Tensor:
        """∇ log p(x, t): (..., dim) → (..., dim)."""

    @abstractmethod
    def sample(self, n: int, t: float, generator: torch.Generator) -> Tensor:
        """n independent samples of p_t, (n, dim), float64 on the CPU; `generator` lives on the CPU."""

    def drift(self, x: Tensor) -> Tensor:
        """f, counted: an update for each point."""
        self.spend(math.prod(x.shape[:-1]))
        return self.field(x)

    def spend(self, updates: int) -> None:
        """Count updates."""
        count("update", updates)

    def starts(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Independent samples of p_0, `(*shape, dim)`."""
        x = self.sample(math.prod(shape), 0.0, self.host_stream(generator))
        return self.place(x).reshape(*shape, self.dim)

    @cached_property
    def places(self) -> Tensor:
        """The points, (points, dim), float64 on the CPU."""
        generator, share = self.data_generator(), math.ceil(self.points / len(self.times))
        return torch.cat([self.sample(share, t, generator) for t in self.times])[: self.points]

    def at_places(self, places: Tensor) -> Self:
        """The same problem at other points, (points, dim), float64 on the CPU."""
        other = dataclasses.replace(self, points=len(places))
        other.__dict__["places"] = places  # where `cached_property` looks first
        return other

    @cached_property
    def points_placed(self) -> Tensor:
        """The same on the problem's device in its dtype."""
        return self.place(self.places)

    @cached_property
    def truth(self) -> Tensor:
        exact = self.at("cpu", "float64")
        return torch.stack([exact.log_density(self.places, t).exp() for t in self.times])

    @property
    def truth_source(self) -> str:
        return "closed form"

    @cached_property
    def box(self) -> tuple[Tensor, Tensor]:
        """Corners, (dim,) each, of a box that holds the law at all times: that of 4 096 samples of each, widened by
        half of its size.
        """
        generator = torch.Generator().manual_seed(self.seed + 1)
        x = torch.cat([self.sample(4096, t, generator) for t in (0.0, *self.times)])
        low, high = x.min(0).values, x.max(0).values
        return low - 0.25 * (high - low), high + 0.25 * (high - low)

    def prepare(self) -> None:
        x = self.points_placed
        self.field(x), self.divergence(x), self.score(x, self.times[-1]), self.log_density(x, 0.0)
        _ = self.truth

    def count_steps(self, steps: int) -> int:
        """How many steps `step_sizes` makes of so many."""
        return sum(map(len, self.step_sizes(steps)))

    def step_sizes(self, steps: int) -> list[list[float]]:
        """About so many steps up to the last time, at least one to each: equal ones in every interval between times."""
        found, before = [], 0.0
        for t in self.times:
            n = max(1, round(steps * (t - before) / self.times[-1]))
            found.append([(t - before) / n] * n)
            before = t
        return found
