"""A density given by its energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from estibench import PositiveFloat
from estibench_densities import EnergyDensity, tabulate

FAR = 8.0  # where a well of any height has no mass left


@dataclass(frozen=True, kw_only=True)
class TwoWells(EnergyDensity):
    """p ∝ Π_i exp(−h (x_i² − 1)²): two wells in every coordinate, with derivatives by autograd.

    Parameters:
        h: height of the barrier.
    """

    h: PositiveFloat = 1.0

    citation: ClassVar[str] = "Kramers, Physica 7, 1940, section 2."
    exact_sampler: ClassVar[bool] = True

    @property
    def energy(self) -> Callable[[Tensor], Tensor]:
        return lambda x: self.h * (x.square() - 1).square().sum(-1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """By a table of one coordinate, since they are independent."""
        table = tabulate(lambda x: -self.h * (x.square() - 1).square(), -FAR, FAR)
        return table.sample((n, self.dim), generator)
