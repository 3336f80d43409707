"""What a quantiser sees: vectors, the codes that may take their place, and what depends on these."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from estibench import count
from estibench_discrete.differentiate import gradient_of_sum


class Lookup(ABC):
    """Vectors x, (batch, dim), each of which is replaced by a vector e_c of a codebook, and a function f of these."""

    @property
    @abstractmethod
    def outputs(self) -> Tensor:
        """The encoder's outputs x, (batch, dim)."""

    @property
    @abstractmethod
    def codebook(self) -> Tensor:
        """The vectors e that stand for the codes, (codes, dim)."""

    @property
    @abstractmethod
    def probabilities(self) -> Tensor:
        """Of the codes of each datum, (batch, codes), in float32 at least."""

    @property
    @abstractmethod
    def nearest(self) -> Tensor:
        """Which code each datum gets without smoothing, (batch,)."""

    @property
    @abstractmethod
    def has_zero(self) -> bool:
        """Whether a code is known to be the vector 0, to which no rotation takes anything."""

    @abstractmethod
    def loss_at(self, point: Tensor) -> Tensor:
        """f with vectors in the place of the codes: (..., batch, dim) → (..., data). Not counted."""

    def slope_at(self, point: Tensor) -> Tensor:
        """∇ of the sum of `loss_at`, like `point`, (batch, dim). Costs an evaluation and a gradient."""
        count("evaluation")
        count("gradient")
        return gradient_of_sum(self.loss_at, point)[0]
