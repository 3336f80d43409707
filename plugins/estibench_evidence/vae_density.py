"""An autoencoder of a known density."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import Density, PositiveInt
from estibench_evidence.vae_fit import VAEFit


@dataclass(frozen=True, kw_only=True)
class VAEDensity(VAEFit):
    """Samples of a density, trained on and held out. Truth, at every checkpoint: what the density itself scores on the
    held-out points, −mean log p(x). The excess over it estimates KL(p ‖ model), and the slack of L_J.

    Parameters:
        density: the law of the data, normalised.
        data: number of points that are trained on.
        test: number of those that are held out.
    """

    density: Density
    data: PositiveInt = 8192
    test: PositiveInt = 512

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

    def __post_init__(self) -> None:
        if self.density.log_normalizer is None:
            raise ValueError(f"{type(self.density).__name__} is not normalised, so its entropy is not known")

    @cached_property
    def _points(self) -> Tensor:
        """Held-out points, then those that are trained on; float64."""
        return self.density.sample(self.test + self.data, self.data_generator())

    @cached_property
    def training(self) -> Tensor:
        return self.place(self._points[self.test :])

    @cached_property
    def held_out(self) -> Tensor:
        return self.place(self._points[: self.test])

    @cached_property
    def truth(self) -> Tensor:
        law, normalizer = self.density.at("cpu", "float64"), self.density.log_normalizer
        assert normalizer is not None
        entropy = normalizer - law.log_prob(self._points[: self.test]).mean()
        return entropy.expand(len(self.checkpoints)).clone()

    @property
    def truth_source(self) -> str:
        return "closed form: the density's own score on the held-out points"

    def real(self, n: int, generator: torch.Generator) -> Tensor:
        return self.density.sample(n, generator)

    @property
    def modes(self) -> Tensor | None:
        return self.density.modes
