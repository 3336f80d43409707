"""A density on its way to noise: the forward process of diffusion models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import Density, NoisedDensity, PositiveFloat
from estibench_sampling.evolution import EvolutionProblem


@dataclass(frozen=True, kw_only=True)
class Noising(EvolutionProblem):
    """dX = −½βX dt + √β dW from X_0 ~ p_0, the variance-preserving process. X_t = αX_0 + sε with α = e^−βt/2,
    s² = 1 − α², so that with p_σ the density noised by σ

        p(x, t) = α^−m p_{s/α}(x/α),   ∇ log p(x, t) = ∇ log p_{s/α}(x/α)/α.

    Parameters:
        density: p_0, whose convolution with noise is known; a mixture of Gaussians stays one. It takes its dimension
        from
            `dim`.
        beta: β.
    """

    density: NoisedDensity
    beta: PositiveFloat = 1.0

    examples = ({"density": "gaussian_mixture"},)
    citation = (
        "Song et al. 2021, Score-based generative modeling through stochastic differential equations, section 3.4"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.density.log_normalizer != 0.0:
            raise ValueError(f"{type(self.density).__name__}: p_0 must be normalised")

    @property
    def diffusion(self) -> float:
        return math.sqrt(self.beta)

    def field(self, x: Tensor) -> Tensor:
        return -0.5 * self.beta * x

    def divergence(self, x: Tensor) -> Tensor:
        return x.new_full(x.shape[:-1], -0.5 * self.beta * self.dim)

    @cached_property
    def _laws(self) -> dict[float, Density]:
        return {}

    def _law(self, t: float) -> tuple[Density, float]:
        """p_{s/α}, on the problem's device in its dtype, and α."""
        alpha = math.exp(-0.5 * self.beta * t)
        if t not in self._laws:
            noised = self.density.noised(math.sqrt(alpha**-2 - 1)) if t > 0 else self.density
            self._laws[t] = noised.at(self.device, self.dtype)
        return self._laws[t], alpha

    def log_density(self, x: Tensor, t: float) -> Tensor:
        law, alpha = self._law(t)
        return law.log_prob(x / alpha) - self.dim * math.log(alpha)

    def score(self, x: Tensor, t: float) -> Tensor:
        law, alpha = self._law(t)
        return law.score(x / alpha) / alpha

    def sample(self, n: int, t: float, generator: torch.Generator) -> Tensor:
        alpha = math.exp(-0.5 * self.beta * t)
        noise = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        return alpha * self.density.sample(n, generator) + math.sqrt(1 - alpha**2) * noise
