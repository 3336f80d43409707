"""A variational autoencoder with normal latents and normal data, small enough to be written out.

x: data (…, D); z: latents (…, m). Encoder D → hidden → 2m gives μ and λ of q(z|x) = N(μ, diag e^(2λ)); decoder
m → hidden → D gives the mean of p(x|z) = N(decoder(z), diag e^(2γ)). One tanh layer each, or none: then all is linear.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import linear

from estibench_evidence.bound import Bound

Parameters = tuple[Tensor, ...]


@dataclass(frozen=True)
class Shape:
    """D, m, the width of the hidden layers (0: none), and whether each coordinate of x has a scale of its own."""

    data_dim: int
    dim: int
    hidden: int
    scales: bool = True

    @property
    def _layer(self) -> int:
        """Tensors of the encoder, and of the decoder."""
        return 4 if self.hidden else 2

    def start(self, generator: torch.Generator) -> Parameters:
        """Weights of variance 1/inputs, biases and γ 0, float64: encoder, decoder, γ."""
        found: list[Tensor] = []
        for inputs, outputs in ((self.data_dim, 2 * self.dim), (self.dim, self.data_dim)):
            widths = [inputs, self.hidden, outputs] if self.hidden else [inputs, outputs]
            for columns, rows in pairwise(widths):
                weights = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
                found += [weights / columns**0.5, torch.zeros(rows, dtype=torch.float64)]
        return (*found, torch.zeros(self.data_dim if self.scales else 1, dtype=torch.float64))

    def encoder(self, parameters: Parameters) -> Parameters:
        return parameters[: self._layer]

    def decoder(self, parameters: Parameters) -> Parameters:
        """The decoder's weights, and γ."""
        return parameters[self._layer :]


def encode(encoder: Parameters, x: Tensor) -> Tensor:
    """μ, then λ: (…, D) → (…, 2m)."""
    return _layers(encoder, x)


def decode(decoder: Parameters, z: Tensor) -> Tensor:
    """The mean of x: (…, m) → (…, D)."""
    return _layers(decoder[:-1], z)


def log_likelihood(decoder: Parameters, z: Tensor, x: Tensor) -> Tensor:
    """log p(x | z): (…, m), (…, D) → (…)."""
    gamma = decoder[-1]
    residual = (x - decode(decoder, z)) * (-gamma).exp()
    scales = gamma.sum() if gamma.shape == x.shape[-1:] else gamma.sum() * x.shape[-1]
    return -0.5 * residual.square().sum(-1) - scales - 0.5 * math.log(2 * math.pi) * x.shape[-1]


@dataclass(frozen=True, eq=False)
class Minibatch(Bound):
    """The bound at data x (batch, D), with q as the encoder has it: `code` is μ, then λ, (batch, 2m)."""

    x: Tensor
    code: Tensor
    decoder: Parameters
    importance_samples: int

    @property
    def mu(self) -> Tensor:
        return self.code.tensor_split(2, -1)[0]

    @property
    def log_sigma(self) -> Tensor:
        return self.code.tensor_split(2, -1)[1]

    def log_likelihood(self, z: Tensor) -> Tensor:
        return log_likelihood(self.decoder, z, self.x)

    def likelihood_gradient(self, z: Tensor) -> Tensor:
        """With r = e^(−2γ)(x − decoder(z)): Vᵀr, and past the tanh layer h of weights W, Wᵀ((1 − h²) ∘ Vᵀr)."""
        *first, V, c, gamma = self.decoder
        if not first:
            return ((self.x - linear(z, V, c)) * (-2 * gamma).exp()) @ V
        W, b = first
        h = torch.tanh(linear(z, W, b))
        r = (self.x - linear(h, V, c)) * (-2 * gamma).exp()
        return ((1 - h.square()) * (r @ V)) @ W

    def decoder_gradient(self, generator: torch.Generator) -> Parameters:
        """∇ in the decoder's parameters of the mean over data of log (1/K) Σ_k w(z_k), on samples of its own.

        That is Σ_k w̃_k ∇ log p(x | z_k), w̃ = w/Σw.
        """
        _, z = self.sample((self.importance_samples,), generator)
        weights = torch.softmax(self.log_w(z), 0) / len(self.x)

        def objective(decoder: Parameters) -> Tensor:
            return (weights * log_likelihood(decoder, z, self.x)).sum()

        found: Parameters = torch.func.grad(objective)(self.decoder)
        return found


def _layers(weights: Parameters, x: Tensor) -> Tensor:
    *first, V, c = weights
    return linear(torch.tanh(linear(x, *first)) if first else x, V, c)
