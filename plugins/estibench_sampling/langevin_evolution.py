"""Langevin's equation started in its own invariant law: nothing must move."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import LaplacianDensity
from estibench_sampling.evolution import EvolutionProblem


@dataclass(frozen=True, kw_only=True)
class LangevinEvolution(EvolutionProblem):
    """dX = ∇ log p(X) dt + √2 dW from X_0 ~ p. The Fokker–Planck equation is ∂p/∂t = ∇·(p∇ log p_t − p_t∇ log p) = 0
    at p_t = p, so p(x, t) = p(x) at all times. Whatever an estimator finds to change is its error.

    Parameters:
        density: p, normalised or with a known normaliser. It takes its dimension from `dim`.
    """

    density: LaplacianDensity

    examples = ({"density": "gaussian"},)

    citation = "Øksendal 2003, Stochastic differential equations, section 8.1; Risken 1989, The Fokker–Planck equation"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.density.exact_sampler or self.density.log_normalizer is None:
            name = type(self.density).__name__
            raise ValueError(f"{name}: the start needs an exact sampler and a known normaliser")

    @property
    def diffusion(self) -> float:
        return 2**0.5

    @cached_property
    def _law(self) -> LaplacianDensity:
        return self.density.at(self.device, self.dtype)

    def field(self, x: Tensor) -> Tensor:
        return self._law.score(x)

    def divergence(self, x: Tensor) -> Tensor:
        return self._law.laplacian(x)

    def log_density(self, x: Tensor, t: float) -> Tensor:
        normalizer = self.density.log_normalizer
        assert normalizer is not None
        return self._law.log_prob(x) - normalizer

    def score(self, x: Tensor, t: float) -> Tensor:
        return self._law.score(x)

    def sample(self, n: int, t: float, generator: torch.Generator) -> Tensor:
        return self.density.sample(n, generator)
