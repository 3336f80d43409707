"""Training data that are samples of a known density."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import Density, PositiveInt
from estibench_flow.likelihood_fit import LikelihoodFit


@dataclass(frozen=True, kw_only=True)
class OnDensity(LikelihoodFit):
    """Fresh samples of a density in every minibatch. Truth, at every checkpoint: what the density itself scores on the
    held-out points, −mean log p(x); the excess over that estimates KL(p ‖ model).

    Parameters:
        density: the law of the data, normalised. It takes its dimension from `dim`.
        held_out: number of points that the likelihood is measured on.
    """

    density: Density
    held_out: PositiveInt = 256

    def __post_init__(self) -> None:
        if self.density.log_normalizer is None:
            raise ValueError(f"{type(self.density).__name__} is not normalised, so its entropy is not known")

    def minibatches(self, n: int, generator: torch.Generator) -> Tensor:
        x = self.density.sample(n * self.batch, self.host_stream(generator))
        return self.place(x).reshape(n, self.batch, self.dim)

    @cached_property
    def exact_held_out(self) -> Tensor:
        return self.density.sample(self.held_out, torch.Generator().manual_seed(self.seed + 1))

    def real(self, n: int, generator: torch.Generator) -> Tensor:
        """Fresh samples."""
        return self.density.sample(n, generator)

    @property
    def modes(self) -> Tensor | None:
        found = self.density.modes
        return None if found is None or len(found) < 2 else found

    @cached_property
    def truth(self) -> Tensor:
        normalizer = self.density.log_normalizer
        assert normalizer is not None
        entropy = normalizer - self.density.at("cpu", "float64").log_prob(self.exact_held_out).mean()
        return entropy.expand(len(self.checkpoints)).clone()

    @property
    def truth_source(self) -> str:
        return "closed form: the density's own score on the held-out points"
