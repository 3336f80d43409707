"""A VQ-VAE of real digits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from estibench import DigitsSplit, PositiveInt
from estibench_discrete.vq_fit import VQFit


@dataclass(frozen=True, kw_only=True)
class VQDigits(DigitsSplit, VQFit):
    """scikit-learn's 8 × 8 digits, dequantised (`DigitsSplit`): data, split and units are those of `vae_digits`, and
    the curve is in bits per dimension of the grey levels. Where codes of training images are counted, the noise u is ½.
    """

    codes: PositiveInt = 32
    positions: PositiveInt = 2
    dim: PositiveInt = 4
    hidden: PositiveInt = 64

    examples = ({"codes": 4, "dim": 2, "steps": 4, "hidden": 4, "batch": 8},)

    @cached_property
    def counted(self) -> Tensor:
        return 2 * (self.training + 0.5) / self.levels - 1
