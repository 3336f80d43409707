"""The gradient that trains the encoder of a categorical autoencoder on real data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import NonNegativeInt, PositiveInt
from estibench_discrete.contract import MOST_STATES, GradientProblem, Objective
from estibench_discrete.vae import Shape, digits, divergence_gradient

IMAGES, RATE = 128, 0.01  # what the network is trained on before


@dataclass(frozen=True, kw_only=True)
class DigitsVAE(GradientProblem):
    """∇ of −ELBO in the logits of q(z|x), for scikit-learn's digits, binarised. Truth: shape (batch, L, K).

    f is −log p(x|z); the gradient of KL(q ‖ uniform) is known and added to every estimate. The network has taken some
    steps of exact training: at the start its decoder does not listen to z.

    Parameters:
        variables, values: L and K, K^L ≤ 16384.
        batch: how many images.
        hidden: width of encoder and decoder, one tanh layer each.
        trained: steps of exact training.
    """

    variables: PositiveInt = 3
    values: PositiveInt = 10
    batch: PositiveInt = 8
    hidden: PositiveInt = 32
    trained: NonNegativeInt = 50

    citation = "Setting: Jang, Gu, Poole, ICLR 2017, section 4; data: Alpaydin and Kaynak 1998, in scikit-learn."
    examples = ({"variables": 2, "values": 4, "batch": 2, "trained": 5},)

    def __post_init__(self) -> None:
        if self.values**self.variables > MOST_STATES:
            raise ValueError(f"{self.values}^{self.variables} states are more than {MOST_STATES}")

    @property
    def _shape(self) -> Shape:
        return Shape(self.variables, self.values, self.hidden)

    @cached_property
    def _weights64(self) -> tuple[Tensor, ...]:
        start = self._shape.start(self.data_generator())
        return self._shape.train_exactly(start, digits(max(IMAGES, self.batch)), self.trained, RATE)

    @cached_property
    def _weights(self) -> tuple[Tensor, ...]:
        return tuple(map(self.place, self._weights64))

    @cached_property
    def images(self) -> Tensor:
        """x, (batch, 64)."""
        return self.place(digits(self.batch))

    @cached_property
    def logits(self) -> Tensor:
        return self._shape.encode(self._weights[:4], self.images)

    @cached_property
    def objective(self) -> Objective:
        decoder, x = self._weights[4:], self.images
        return Objective(lambda z: self._shape.losses(decoder, z, x), self.torch_dtype)

    def estimand(self, gradient: Tensor) -> Tensor:
        return gradient + divergence_gradient(self.logits.to(gradient.dtype))

    @cached_property
    def negative_elbo(self) -> Tensor:
        """−ELBO per image, exactly, float64."""
        weights = self._weights64
        return self._shape.negative_elbo(weights, digits(self.batch).to(torch.float64))
