"""A VQ-VAE of a known density."""

from __future__ import annotations

from dataclasses import dataclass

from estibench import DensitySplit
from estibench_discrete.vq_fit import VQFit


@dataclass(frozen=True, kw_only=True)
class VQDensity(DensitySplit, VQFit):
    """Samples of a density, trained on and held out. Truth, at every checkpoint: what the density itself scores on the
    held-out points, −mean log p(x). The excess over it estimates KL(p ‖ model), with no slack: both are exact.

    Parameters:
        density: the law of the data, normalised.
        data: number of points that are trained on.
        test: number of those that are held out.
    """

    citation = "van den Oord, Vinyals and Kavukcuoglu, NeurIPS 2017, Neural discrete representation learning."
    examples = (
        {"density": "gaussian_mixture", "steps": 4, "codes": 4, "hidden": 4, "batch": 8, "data": 32, "test": 16},
        {"density": "gaussian_mixture", "steps": 4, "codes": 3, "positions": 2, "codebook": "ema", "data": 32},
    )
