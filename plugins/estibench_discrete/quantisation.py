"""What problems of quantisation share: data, vectors that stand for codes, a decoder, and how codes are chosen."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import linear

from estibench import PositiveFloat, PositiveInt
from estibench_discrete.contract import GradientProblem
from estibench_discrete.distribution import wide
from estibench_discrete.lookup import Lookup

Normal = Callable[..., Tensor]  # sizes → standard normal numbers, float64


@dataclass(frozen=True, kw_only=True)
class Quantisation(GradientProblem, Lookup):
    """The gradient in an encoder's outputs x, (batch, dim), of Σ_b E f_b(e_c), f = ½‖y − decoder(e_c)‖².

    Each datum gets the code c, of K, with a probability that depends on x. How it does is for subclasses to say.

    Parameters:
        dim, batch: sizes of x.
        temperature: T, at which the choice of a code is smoothed.
        hidden: width of the decoder, one tanh layer.
    """

    dim: PositiveInt = 4
    batch: PositiveInt = 4
    temperature: PositiveFloat = 1.0
    hidden: PositiveInt = 32

    @property
    def loss(self) -> str:
        """Which gradient is wanted: `reconstruction`, in x, or `codebook`, in the codebook."""
        return "reconstruction"

    @property
    def plain(self) -> bool:
        return False

    @abstractmethod
    def _own_codes(self, normal: Normal) -> Tensor:
        """The numbers behind the codebook, float64 on the CPU."""

    @cached_property
    def _data(self) -> tuple[Tensor, ...]:
        """x (batch, dim), the numbers behind the codebook, y (batch, dim), and the decoder's weights."""
        generator = self.data_generator()

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, dtype=torch.float64)

        d, h = self.dim, self.hidden
        data = [self._own_outputs(normal), self._own_codes(normal), normal(self.batch, d)]
        weights = [normal(h, d) / d**0.5, normal(h), normal(d, h) / h**0.5]
        return tuple(map(self.place, data + weights))

    def _own_outputs(self, normal: Normal) -> Tensor:
        return normal(self.batch, self.dim)

    @property
    def outputs(self) -> Tensor:
        """The encoder's outputs x, (batch, dim)."""
        return self._data[0]

    @property
    def codebook(self) -> Tensor:
        """The vectors e that stand for the codes, (codes, dim)."""
        return self._data[1]

    @property
    def probabilities(self) -> Tensor:
        """Of the codes of each datum, (batch, codes), in float32 at least. Default: those of the only variable."""
        return torch.softmax(wide(self.logits[:, 0]), -1)

    @property
    def nearest(self) -> Tensor:
        """Which code each datum gets without smoothing, (batch,). Default: the likeliest one."""
        return self.logits[:, 0].argmax(-1)

    def loss_at(self, point: Tensor) -> Tensor:
        """f_b with a vector in the place of the code: (..., batch, dim) → (..., batch). Not counted."""
        _, _, y, W, bias, V = self._data
        return 0.5 * (y - linear(torch.tanh(linear(point, W, bias)), V)).square().sum(-1)

    @property
    def has_zero(self) -> bool:
        return not bool(self.exact.codebook.any(-1).all())

    @property
    def posterior_kl(self) -> Tensor:
        """KL(q ‖ uniform), (batch,): log K for a deterministic posterior, T → 0."""
        q = self.probabilities
        return torch.special.xlogy(q, q).sum(-1) + math.log(len(self.codebook))

    @property
    def elbo(self) -> Tensor:
        """E_q log p(y|e_c) − KL(q ‖ uniform) with log p = −f, Gaussian of unit variance less its constant, (batch,)."""
        return -(self.probabilities * self._code_losses).sum(-1) - self.posterior_kl

    @property
    def deterministic_elbo(self) -> Tensor:
        """log p(y|e_c) − log K at the nearest code c, (batch,): what VQ-VAEs maximise."""
        at_nearest = self._code_losses.gather(-1, self.nearest[:, None])[:, 0]
        return -at_nearest - math.log(len(self.codebook))

    @property
    def _code_losses(self) -> Tensor:
        """f_b(e_c), (batch, codes)."""
        return self.loss_at(self.codebook[:, None].expand(-1, self.batch, -1)).mT
