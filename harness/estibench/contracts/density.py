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
    """

    dim: PositiveInt = 2

    citation: ClassVar[str] = ""
    exact_sampler: ClassVar[bool] = True

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density, up to `log_normalizer`: (..., dim) → (...)."""

    @abstractmethod
    def score(self, x: Tensor) -> Tensor:
        """∇ log p in closed form: (..., dim) → (..., dim)."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """n independent samples, (n, dim), float64 on the CPU; `generator` lives on the CPU.

        Points at which problems are posed come from here, so they agree on every device and dtype.
        """

    @property
    def log_normalizer(self) -> float | None:
        """log ∫ exp(log_prob): 0.0 for a normalised density, None where it is not known."""
        return 0.0


@dataclass(frozen=True, kw_only=True)
class LaplacianDensity(Density):
    """A density whose Laplacian is known. A problem that needs it annotates its field with this class."""

    @abstractmethod
    def laplacian(self, x: Tensor) -> Tensor:
        """Δ log p = tr ∇² log p in closed form: (..., dim) → (...)."""
