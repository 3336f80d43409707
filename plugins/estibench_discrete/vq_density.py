"""A VQ-VAE of a known density."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import Density, PositiveInt
from estibench_discrete.vq_fit import VQFit


@dataclass(frozen=True, kw_only=True)
class VQDensity(VQFit):
    """Samples of a density, trained on and held out. Truth, at every checkpoint: what the density itself scores on the
    held-out points, −mean log p(x). The excess over it estimates KL(p ‖ model), with no slack: both are exact.

    Parameters:
        density: the law of the data, normalised.
        data: number of points that are trained on.
        test: number of those that are held out.
    """

    density: Density
    data: PositiveInt = 8192
    test: PositiveInt = 512

    citation = "van den Oord, Vinyals and Kavukcuoglu, NeurIPS 2017, Neural discrete representation learning."
    examples = (
        {"density": "gaussian_mixture", "steps": 4, "codes": 4, "hidden": 4, "batch": 8, "data": 32, "test": 16},
        {"density": "gaussian_mixture", "steps": 4, "codes": 3, "positions": 2, "codebook": "ema", "data": 32},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
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
