"""Finite scalar quantisation, smoothed: every channel of x is rounded to one of a few levels by itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from estibench_discrete.contract import MOST_STATES, Objective
from estibench_discrete.distribution import wide
from estibench_discrete.quantisation import Normal, Quantisation
from estibench_discrete.reference import state_probabilities


@dataclass(frozen=True, kw_only=True)
class ScalarQuantisation(Quantisation):
    """The gradient in x, (batch, dim), of Σ_b E f_b(e), f = ½‖y − decoder(e)‖², each channel of e rounded by itself.

    e_i is one of K levels ℓ, evenly spaced from −1 to 1, with q(e_i = ℓ) ∝ exp(−(x_i − ℓ)²/T): a codebook of K^dim
    points on a grid, and independent variables, one of K values each. x is what the encoder's bound, a tanh, lets
    through; its slope would be a factor of every estimate and of the truth. Truth: the sum over the grid. As T → 0
    channels are rounded.

    Parameters:
        levels: K.
        dim, batch: channels, and data.
        temperature: T.
        hidden: width of the decoder, one tanh layer.
    """

    levels: Annotated[int, Ge(2)] = 4

    citation = "Mentzer, Minnen, Agustsson, Tschannen, Finite scalar quantization: VQ-VAE made simple, ICLR 2024."

    def __post_init__(self) -> None:
        if self.levels**self.dim > MOST_STATES:
            raise ValueError(f"{self.levels}^{self.dim} states are more than {MOST_STATES}")

    def _own_outputs(self, normal: Normal) -> Tensor:
        return torch.tanh(normal(self.batch, self.dim))

    def _own_codes(self, normal: Normal) -> Tensor:
        """The levels, (levels,)."""
        return torch.linspace(-1, 1, self.levels, dtype=torch.float64)

    @property
    def _grid(self) -> Tensor:
        return self._data[1]

    @cached_property
    def codebook(self) -> Tensor:
        """The grid, (levels^dim, dim): the last channel runs fastest."""
        return torch.cartesian_prod(*[self._grid] * self.dim).reshape(-1, self.dim)

    @cached_property
    def logits(self) -> Tensor:
        return self.place(-(self.exact.outputs[..., None] - self.exact._grid).square() / self.temperature)

    @property
    def probabilities(self) -> Tensor:
        return state_probabilities(torch.log_softmax(wide(self.logits), -1)).mT

    @property
    def nearest(self) -> Tensor:
        """Every channel rounded, as a place in the grid, (batch,)."""
        rounded = self.logits.argmax(-1)
        place = rounded[:, 0]
        for channel in range(1, self.dim):
            place = place * self.levels + rounded[:, channel]
        return place

    def prepare(self) -> None:
        super().prepare()
        _ = self.codebook

    @cached_property
    def objective(self) -> Objective:
        return Objective(lambda z: self.loss_at(z @ self._grid), self.torch_dtype)

    def estimand(self, gradient: Tensor) -> Tensor:
        """The chain rule through the squared distances."""
        towards = self._grid.to(gradient.dtype) - self.outputs.to(gradient.dtype)[..., None]
        return 2 / self.temperature * (gradient * towards).sum(-1)
