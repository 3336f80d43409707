"""The contract of a density: a distribution whose derivatives are known in closed form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from estibench.contracts.parameters import PositiveInt
from estibench.contracts.placed import Placed


@dataclass(frozen=True, kw_only=True)
class Density(Placed, ABC):
    """A distribution on R^dim. A frozen dataclass: its fields are its parameters in a suite.

    All functions are pure, accept any number of leading batch dimensions and compose with `torch.func`.
    Raise `ValueError` from `__post_init__` for parameters that do not go together.

    Class attributes:
        exact_sampler: False where `sample` only approximates the density.
        integrates_by_parts: whether E[tr ∇f] = −E[fᵀ∇ log p] for every smooth field f of moderate growth. False for a
            density that jumps, as at the edge of its support: integration by parts leaves a boundary term.
    """

    dim: PositiveInt = 2

    citation: ClassVar[str] = ""
    exact_sampler: ClassVar[bool] = True
    integrates_by_parts: ClassVar[bool] = True

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density, up to `log_normalizer`: (..., dim) → (...)."""

    @abstractmethod
    def score(self, x: Tensor) -> Tensor:
        """∇ log p in closed form: (..., dim) → (..., dim)."""

    def log_prob_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both of them. A density in which they share work does it once."""
        return self.log_prob(x), self.score(x)

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """n independent samples, (n, dim), float64 on the CPU; `generator` lives on the CPU.

        Points at which problems are posed come from here, so they agree on every device and dtype.
        """

    @property
    def log_normalizer(self) -> float | None:
        """log ∫ exp(log_prob): 0.0 for a normalised density, None where it is not known."""
        return 0.0

    @property
    def modes(self) -> Tensor | None:
        """Local maxima, (modes, dim), float64 on the CPU; None where they are not known or not isolated."""
        return None

    @property
    def mean(self) -> Tensor | None:
        """E x, (dim,), float64 on the CPU; None where it is not known or infinite."""
        return None

    @property
    def covariance_matrix(self) -> Tensor | None:
        """Cov x, (dim, dim), float64 on the CPU; None where it is not known or infinite."""
        return None

    def coordinate_moments(self, order: int) -> Tensor | None:
        """E x_i^k for k = 0 … order, (order + 1, dim), float64 on the CPU; None where they are not known."""
        return None


@dataclass(frozen=True, kw_only=True)
class LaplacianDensity(Density):
    """A density whose Laplacian is known. A problem that needs it annotates its field with this class."""

    @abstractmethod
    def laplacian(self, x: Tensor) -> Tensor:
        """Δ log p = tr ∇² log p in closed form: (..., dim) → (...)."""


@dataclass(frozen=True, kw_only=True)
class NoisedDensity(Density):
    """A density whose convolution with Gaussian noise is known. A problem that needs it annotates its field so."""

    @abstractmethod
    def noised(self, sigma: float) -> Density:
        """The law of x + σε, ε ~ N(0, I): exact, and with a score of its own. σ > 0, in the units of x."""


@dataclass(frozen=True, kw_only=True)
class DataDensity(Density):
    """A posterior of independent data, prior × Π_n likelihood of datum n: minibatches estimate its score."""

    @property
    @abstractmethod
    def data_size(self) -> int:
        """N, the number of data."""

    @abstractmethod
    def minibatch_score(self, x: Tensor, chosen: Tensor) -> Tensor:
        """∇ log prior + (N/B) Σ_b ∇ log likelihood of datum n_b: (..., dim), (..., B) → (..., dim).

        Every point has a minibatch of its own, `chosen`: B numbers n_b from 0 to N − 1. With uniform ones the mean is
        the score.
        """
