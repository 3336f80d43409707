"""Minibatches that are fresh samples of a known density."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import OnDensity, PositiveInt
from estibench_flow.likelihood_fit import LikelihoodFit


@dataclass(frozen=True, kw_only=True)
class FreshSamples(OnDensity, LikelihoodFit):
    """Fresh samples of a density (`OnDensity`) in every minibatch.

    Parameters:
        density: the law of the data, normalised. It takes its dimension from `dim`.
        held_out: number of points that the likelihood is measured on.
    """

    held_out: PositiveInt = 256

    def minibatches(self, n: int, generator: torch.Generator) -> Tensor:
        x = self.density.sample(n * self.batch, self.host_stream(generator))
        return self.place(x).reshape(n, self.batch, self.dim)

    @cached_property
    def exact_held_out(self) -> Tensor:
        return self.density.sample(self.held_out, torch.Generator().manual_seed(self.seed + 1))
