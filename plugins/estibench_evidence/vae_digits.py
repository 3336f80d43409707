"""An autoencoder of real digits."""

from __future__ import annotations

from dataclasses import dataclass

from estibench import DigitsSplit, PositiveInt
from estibench_evidence.vae_fit import VAEFit


@dataclass(frozen=True, kw_only=True)
class VAEDigits(DigitsSplit, VAEFit):
    """scikit-learn's 8 × 8 digits, dequantised (`DigitsSplit`). The curve is in bits per dimension of the grey
    levels.
    """

    dim: PositiveInt = 8
    hidden: PositiveInt = 64

    examples = ({"dim": 2, "steps": 6, "hidden": 4, "batch": 8, "judged_samples": 2},)
