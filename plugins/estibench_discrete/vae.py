"""A categorical variational autoencoder on binarised digits, small enough for its ELBO to be summed over all states.

x: binary images (images, 64); z: one-hot (…, images, L, K). Encoder 64 → hidden → L·K, decoder L·K → hidden → 64, one
tanh layer each; Bernoulli pixels; uniform prior. Losses are in nats per image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear, softplus

from estibench import Adam
from estibench_discrete.reference import some_states, state_probabilities

Parameters = tuple[Tensor, ...]
PIXELS = 64
THRESHOLD = 7.5  # grey levels run from 0 to 16


def digits(images: int | None = None) -> Tensor:
    """The first images of scikit-learn's digits, or all, as 0 and 1, (images, 64), float64."""
    from sklearn.datasets import load_digits

    data = load_digits().data
    if images is not None and images > len(data):
        raise ValueError(f"there are {len(data)} digits, not {images}")
    return torch.from_numpy((data[:images] > THRESHOLD).astype("float64"))


@dataclass(frozen=True)
class Shape:
    """L variables of K values, and the width of the hidden layers."""

    variables: int
    values: int
    hidden: int

    def start(self, generator: torch.Generator) -> Parameters:
        """Weights of variance 1/inputs, biases 0, float64: encoder (W, b, V, c), then decoder (W, b, V, c)."""
        codes = self.variables * self.values
        found: list[Tensor] = []
        for inputs, outputs in ((PIXELS, codes), (codes, PIXELS)):
            for rows, columns in ((self.hidden, inputs), (outputs, self.hidden)):
                weights = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
                found += [weights / columns**0.5, torch.zeros(rows, dtype=torch.float64)]
        return tuple(found)

    def encode(self, encoder: Parameters, x: Tensor) -> Tensor:
        """Logits of q(z|x), (images, L, K)."""
        return layers(encoder, x).unflatten(-1, (self.variables, self.values))

    def losses(self, decoder: Parameters, z: Tensor, x: Tensor) -> Tensor:
        """−log p(x|z), (…, images). Where z has one image for all, the decoder sees each z once."""
        pixels = layers(decoder, z.flatten(-2))
        return softplus(pixels).sum(-1) - torch.einsum("...bp,bp->...b", pixels, x)

    def negative_elbo(self, parameters: Parameters, x: Tensor) -> Tensor:
        """−ELBO averaged over the images, exactly: the decoder sees each of the K^L states once."""
        log_q = torch.log_softmax(self.encode(parameters[:4], x), -1)
        q = state_probabilities(log_q)  # (states, images)
        losses = (q * self._losses_of_states(parameters[4:], x)).sum(0)
        return losses.mean() + divergence(log_q).mean()

    def log_likelihoods(self, decoder: Parameters, x: Tensor) -> Tensor:
        """log p(x) of each image, (images,), exactly: the sum over all K^L states, each as probable as any other."""
        log_states = self.variables * math.log(self.values)
        return torch.logsumexp(-self._losses_of_states(decoder, x), 0) - log_states

    def samples(self, decoder: Parameters, n: int, generator: torch.Generator) -> Tensor:
        """n binary images of the model, (n, 64)."""
        W = decoder[0]
        like: dict[str, Any] = {"generator": generator, "device": W.device}
        codes = torch.randint(self.values, (n, self.variables), **like)
        pixels = layers(decoder, torch.nn.functional.one_hot(codes, self.values).to(W.dtype).flatten(1))
        return (torch.rand(pixels.shape, dtype=W.dtype, **like) < torch.sigmoid(pixels)).to(W.dtype)

    def _losses_of_states(self, decoder: Parameters, x: Tensor) -> Tensor:
        """−log p(x|z) of each state and image, (states, images): the decoder sees each state once."""
        like = x.new_zeros(1, self.variables, self.values)
        states = some_states(slice(0, self.values**self.variables), like, self.variables)[:, 0]
        pixels = layers(decoder, states.flatten(-2))
        return softplus(pixels).sum(-1, keepdim=True) - pixels @ x.mT

    def train_exactly(self, parameters: Parameters, x: Tensor, steps: int, rate: float) -> Parameters:
        """Full-batch Adam on the exact −ELBO."""
        optimiser = Adam.start(parameters, rate)
        slope = torch.func.grad(self.negative_elbo)
        for _ in range(steps):
            parameters, optimiser = optimiser.step(parameters, slope(parameters, x))
        return parameters


def divergence(log_q: Tensor) -> Tensor:
    """KL(q ‖ uniform) of each image, (images,), from log q (images, L, K)."""
    return (log_q.exp() * log_q).sum((-2, -1)) + log_q.shape[-2] * math.log(log_q.shape[-1])


def divergence_gradient(logits: Tensor) -> Tensor:
    """∇ of `divergence` in the logits: q ∘ (log q − Σ q log q), (images, L, K)."""
    log_q = torch.log_softmax(logits, -1)
    q = log_q.exp()
    return q * (log_q - (q * log_q).sum(-1, keepdim=True))


def layers(weights: Parameters, x: Tensor) -> Tensor:
    """A tanh layer (W, b) and a linear one (V, c)."""
    W, b, V, c = weights
    return linear(torch.tanh(linear(x, W, b)), V, c)
