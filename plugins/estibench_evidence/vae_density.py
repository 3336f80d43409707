"""An autoencoder of a known density."""

from __future__ import annotations

from dataclasses import dataclass

from estibench import DensitySplit
from estibench_evidence.vae_fit import VAEFit


@dataclass(frozen=True, kw_only=True)
class VAEDensity(DensitySplit, VAEFit):
    """Samples of a density, trained on and held out. Truth, at every checkpoint: what the density itself scores on the
    held-out points, −mean log p(x). The excess over it estimates KL(p ‖ model), and the slack of L_J.

    Parameters:
        density: the law of the data, normalised.
        data: number of points that are trained on.
        test: number of those that are held out.
    """

    citation = "Kingma and Welling 2014, Auto-encoding variational Bayes, appendix C.2 (normal decoder)."
    examples = (
        {
            "density": "gaussian_mixture",
            "steps": 6,
            "hidden": 4,
            "batch": 8,
            "data": 32,
            "test": 16,
            "judged_samples": 4,
        },
    )
