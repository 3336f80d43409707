"""The divergence of a convolutional network, whose Jacobian is local."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from estibench import PositiveInt
from estibench_trace.colouring import colours
from estibench_trace.contract import DivergenceProblem, Sums, sums_from
from estibench_trace.operators import Field

OFFSETS = tuple(product((-1, 0, 1), repeat=2))
RECEPTIVE = 7  # three 3 × 3 convolutions reach three pixels far on each side


@dataclass(frozen=True, kw_only=True)
class ConvJacobian(DivergenceProblem):
    """div f of f(x) = K₃ ∗ tanh(K₂ ∗ tanh(K₁ ∗ x + b₁) + b₂) at `batch` standard normal images. Truth: closed form.

    Three 3 × 3 convolutions of stride 1 with zeros around square images: an output pixel sees 7 × 7 inputs of every
    channel. With d = 1 − tanh² of each layer, G the grid and offsets δ, ε in {−1, 0, 1}²,

        div f = Σ_{δ,ε} Σ_{g,h} K₂[g,h,−δ] Σ_c K₁[h,c,ε] K₃[c,g,δ−ε] Σ_{q: q+δ, q+ε ∈ G} d₁[h,q] d₂[g,q+δ].

    Parameters:
        dim: m = channels × side², channels first.
        channels: of an image.
        hidden: channels of the two hidden layers.
    """

    dim: PositiveInt = 784
    channels: PositiveInt = 1
    hidden: PositiveInt = 8

    examples = ({"dim": 36, "batch": 3, "hidden": 4}, {"dim": 50, "channels": 2, "batch": 2, "hidden": 4})

    def __post_init__(self) -> None:
        if self.channels * self.side**2 != self.dim:
            raise ValueError(f"{self.dim} numbers are not {self.channels} square image(s); dim = channels × side²")

    @property
    def side(self) -> int:
        """Pixels on a side of the image."""
        return int((self.dim / self.channels) ** 0.5 + 0.5)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.channels, self.side, self.side

    @property
    def receptive_field(self) -> int:
        return RECEPTIVE

    @cached_property
    def _weights(self) -> tuple[Tensor, ...]:
        """K₁, b₁, K₂, b₂, K₃, float64; products keep their size, and K₃'s alignment keeps the trace away from 0."""
        generator, n, c = self.data_generator(), self.hidden, self.channels

        def kernel(out: int, into: int) -> Tensor:
            return torch.randn(out, into, 3, 3, generator=generator, dtype=torch.float64) / (9 * into) ** 0.5

        def bias() -> Tensor:
            return 0.5 * torch.randn(n, generator=generator, dtype=torch.float64)

        K1, b1, K2, b2 = kernel(n, c), bias(), kernel(n, n), bias()
        both = conv2d(K1.transpose(0, 1), K2.flip(-1, -2), padding=1)  # of K₂ ∘ K₁, what lies within 3 × 3
        return K1, b1, K2, b2, kernel(c, n) + 0.5 * both.flip(-1, -2)

    @cached_property
    def field(self) -> Field:
        K1, b1, K2, b2, K3 = map(self.place, self._weights)

        def field(x: Tensor) -> Tensor:
            h1 = torch.tanh(conv2d(x.reshape(-1, *self.shape), K1, b1, padding=1))
            return conv2d(torch.tanh(conv2d(h1, K2, b2, padding=1)), K3, padding=1).reshape(x.shape)

        return field

    @cached_property
    def points(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed + 1)
        return self.place(torch.randn(self.batch, self.dim, generator=generator, dtype=torch.float64))

    @cached_property
    def truth(self) -> Tensor:
        K1, b1, K2, b2, K3 = self._weights
        x = self.points.to(device="cpu", dtype=torch.float64).reshape(-1, *self.shape)
        h1 = torch.tanh(conv2d(x, K1, b1, padding=1))
        d1, d2 = 1 - h1.square(), 1 - torch.tanh(conv2d(h1, K2, b2, padding=1)).square()
        inside = torch.ones(self.side, self.side, dtype=torch.float64)
        total = torch.zeros(self.batch, dtype=torch.float64)
        for (a, b), (e, f) in product(OFFSETS, OFFSETS):
            if max(abs(a - e), abs(b - f)) > 1:  # K₃ does not reach from q + ε to q + δ
                continue
            weights = K2[:, :, 1 - a, 1 - b] * (K1[:, :, 1 + e, 1 + f] @ K3[:, :, 1 + a - e, 1 + b - f]).mT
            met = torch.einsum("nhyx,ngyx->ngh", d1 * _moved(inside, e, f), _moved(d2, a, b))
            total += (met * weights).sum((1, 2))
        return total

    @property
    def truth_source(self) -> str:
        return "closed form"

    @cached_property
    def sums(self) -> Sums:
        """From 2 · 49 products a channel: pixels 7 apart share no output, so that a product keeps their entries apart.

        The distance of 7 tells all entries; the estimator `probing` wants diagonal ones, for which 4 are enough.
        """
        operator = self.at("cpu", "float64").operator()
        return sums_from(operator, colours(self.shape, RECEPTIVE, operator.batch, torch.float64, "cpu"))


def _moved(image: Tensor, down: int, right: int) -> Tensor:
    """The image seen from pixels that lie `down` and `right` of each: (…, side, side), with 0 outside."""
    n = image.shape[-1]
    return pad(image, (1, 1, 1, 1))[..., 1 + down : 1 + down + n, 1 + right : 1 + right + n]
