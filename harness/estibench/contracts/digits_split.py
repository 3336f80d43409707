"""Real digits, some of which are held out: whole numbers that become points of a density."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from estibench.contracts.data_split import DataSplit

PIXELS, LEVELS, HELD_OUT = 64, 17, 0.3


@dataclass(frozen=True, kw_only=True)
class DigitsSplit(DataSplit):
    """scikit-learn's 8 × 8 digits, grey levels 0 … 16, dequantised: x = 2(level + u)/17 − 1 with uniform u in [0, 1).
    u is drawn anew for each minibatch, and once for the 30 % of the images that are held out, which the seed chooses.
    `training` are the levels themselves.

    −log p(x) counts in bits per dimension of the levels, (−log₂ p(x) − 64 log₂(2/17))/64; a uniform law has log₂ 17 =
    4.09. An average over u, it bounds the bits that the levels themselves need from above. Truth: 0, below which no
    model can be; nobody knows the entropy of real data.

    Samples are in x: level = 17(x + 1)/2.

    Class attributes:
        levels: how many grey levels there are.
    """

    levels: ClassVar[int] = LEVELS
    unit = 1 / (PIXELS * math.log(2))
    offset = -math.log2(2 / LEVELS)

    citation = "Data: Alpaydin and Kaynak 1998, in scikit-learn; dequantisation: Theis, van den Oord and Bethge 2016."

    @cached_property
    def _parts(self) -> tuple[Tensor, Tensor]:
        """Levels of training images, and held-out images dequantised, (points, 64) each, float64."""
        from sklearn.datasets import load_digits

        stream = self.data_generator()
        levels = torch.from_numpy(load_digits().data).to(torch.float64)
        levels = levels[torch.randperm(len(levels), generator=stream)]
        test = round(HELD_OUT * len(levels))
        return levels[test:], self.dequantised(levels[:test], stream)

    @cached_property
    def training(self) -> Tensor:
        return self.place(self._parts[0])

    @cached_property
    def held_out(self) -> Tensor:
        return self.place(self._parts[1])

    def dequantised(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return 2 * self.in_unit_cube(x, generator) - 1

    @classmethod
    def in_unit_cube(cls, x: Tensor, generator: torch.Generator) -> Tensor:
        """Grey levels with uniform noise over one of them, in [0, 1): (x + u)/17."""
        u = torch.rand(x.shape, generator=generator, device=generator.device, dtype=x.dtype)
        return (x + u) / cls.levels

    @cached_property
    def truth(self) -> Tensor:
        assert self.axis is not None  # a fit's checkpoints
        return torch.zeros(len(self.axis[1]), dtype=torch.float64)

    @property
    def truth_source(self) -> str:
        return "none: 0, so that the error is the bits per dimension themselves"

    def real(self, n: int, generator: torch.Generator) -> Tensor:
        """Held-out images."""
        held_out = self._parts[1]
        return held_out[torch.randperm(len(held_out), generator=generator)[:n]]
