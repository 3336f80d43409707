"""A VQ-VAE of real digits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import PositiveInt
from estibench_discrete.vq_fit import VQFit

PIXELS, LEVELS, HELD_OUT = 64, 17, 0.3


@dataclass(frozen=True, kw_only=True)
class VQDigits(VQFit):
    """scikit-learn's 8 × 8 digits, grey levels 0 … 16, dequantised: x = 2(level + u)/17 − 1 with uniform u in [0, 1).
    u is drawn anew for each minibatch, once for the 30 % of the images that are held out, which the seed chooses, and
    is ½ where the codes of training images are counted. Data, split and units are those of `vae_digits`.

    The curve is in bits per dimension of the levels, (−log₂ p(x) − 64 log₂(2/17))/64; a uniform law has log₂ 17 = 4.09.
    An average over u, it bounds the bits that the levels themselves need from above. Truth: 0, below which no model
    can be; nobody knows the entropy of real data.

    Samples are in x: level = 17(x + 1)/2.
    """

    codes: PositiveInt = 32
    positions: PositiveInt = 2
    dim: PositiveInt = 4
    hidden: PositiveInt = 64

    unit = 1 / (PIXELS * math.log(2))
    offset = -math.log2(2 / LEVELS)

    citation = "Data: Alpaydin and Kaynak 1998, in scikit-learn; dequantisation: Theis, van den Oord and Bethge 2016."
    examples = ({"codes": 4, "dim": 2, "steps": 4, "hidden": 4, "batch": 8},)

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

    @cached_property
    def counted(self) -> Tensor:
        return scaled(self.training + 0.5)

    def dequantised(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return scaled(x + torch.rand(x.shape, generator=generator, device=generator.device, dtype=x.dtype))

    @cached_property
    def truth(self) -> Tensor:
        return torch.zeros(len(self.checkpoints), dtype=torch.float64)

    @property
    def truth_source(self) -> str:
        return "none: 0, so that the error is the bits per dimension themselves"

    def real(self, n: int, generator: torch.Generator) -> Tensor:
        return self._parts[1][torch.randperm(len(self._parts[1]), generator=generator)[:n]]


def scaled(levels: Tensor) -> Tensor:
    """From [0, 17) to [−1, 1)."""
    return 2 * levels / LEVELS - 1
