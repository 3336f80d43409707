"""A VQ-VAE with normal data, small enough for its likelihood to be summed over all codes, and one step of its training.

x: data (…, D). Encoder D → hidden → L·d gives L vectors, each of which is replaced by the nearest of K codes of d
numbers; decoder L·d → hidden → D gives the mean of p(x|c) = N(decoder(e_c), diag e^(2γ)). One tanh layer each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench_discrete.code_prior import CodePrior
from estibench_discrete.contract import Objective
from estibench_discrete.distribution import one_hot, wide
from estibench_discrete.lookup import Lookup
from estibench_discrete.vae import layers

Parameters = tuple[Tensor, ...]
ENCODER, DECODER, CODES, COUNTS = slice(0, 4), slice(4, 9), 9, 10


@dataclass(frozen=True)
class Network:
    """D, L, d, K and the width of the hidden layers."""

    data_dim: int
    positions: int
    dim: int
    codes: int
    hidden: int

    def start(self, x: Tensor, count: float, generator: torch.Generator) -> Parameters:
        """Encoder (W, b, V, c), decoder (W, b, V, c) and γ, codebook (K, d), counts (K,), all float64.

        Weights have variance 1/inputs, biases and γ are 0. Codes are outputs of the encoder at data that are drawn.

        Args:
            x: data, (n, D).
            count: of a code's data, at first.
        """
        inner = self.positions * self.dim
        found: list[Tensor] = []
        for inputs, outputs in ((self.data_dim, inner), (inner, self.data_dim)):
            for rows, columns in ((self.hidden, inputs), (outputs, self.hidden)):
                weights = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
                found += [weights / columns**0.5, torch.zeros(rows, dtype=torch.float64)]
        vectors = self.encode(tuple(found[ENCODER]), x).flatten(0, 1)
        chosen = torch.randperm(len(vectors), generator=generator)
        codes = vectors[chosen.repeat(math.ceil(self.codes / len(chosen)))[: self.codes]]
        gamma = torch.zeros(self.data_dim, dtype=torch.float64)
        return (*found, gamma, codes, torch.full((self.codes,), count, dtype=torch.float64))

    def encode(self, encoder: Parameters, x: Tensor) -> Tensor:
        """(…, D) → (…, L, d)."""
        return layers(encoder, x).unflatten(-1, (self.positions, self.dim))

    def nearest(self, parameters: Parameters, x: Tensor) -> Tensor:
        """The codes of data, (…, D) → (…, L)."""
        return distances(self.encode(parameters[ENCODER], x), parameters[CODES]).argmin(-1)

    @cached_property
    def every(self) -> Tensor:
        """All sequences of codes, (K^L, L), on the CPU: the last runs fastest."""
        return torch.cartesian_prod(*[torch.arange(self.codes)] * self.positions).reshape(-1, self.positions)

    def log_joint(self, parameters: Parameters, prior: CodePrior, x: Tensor) -> Tensor:
        """log π(c) + log p(x|c) of all sequences of codes and of data (n, D): (K^L, n)."""
        every = self.every.to(x.device)
        scale = parameters[DECODER][-1].exp()
        mean, point = decode(parameters[DECODER], parameters[CODES][every]) / scale, x / scale
        squares = mean.square().sum(-1, keepdim=True) + point.square().sum(-1) - 2 * mean @ point.mT
        constant = scale.log().sum() + 0.5 * math.log(2 * math.pi) * self.data_dim
        return prior.log_prob(every)[:, None] - 0.5 * squares - constant

    def place(self, codes: Tensor) -> Tensor:
        """Where sequences (n, L) are among all, (n,)."""
        found = codes[:, 0]
        for position in range(1, self.positions):
            found = found * self.codes + codes[:, position]
        return found

    def samples(self, parameters: Parameters, prior: CodePrior, n: int, generator: torch.Generator) -> Tensor:
        """n samples of the model, (n, D)."""
        decoder = parameters[DECODER]
        mean = decode(decoder, parameters[CODES][prior.sample(n, generator)])
        like: dict[str, Any] = {"generator": generator, "device": mean.device, "dtype": mean.dtype}
        return mean + decoder[-1].exp() * torch.randn(mean.shape, **like)


def distances(vectors: Tensor, codebook: Tensor) -> Tensor:
    """Squared ones, (…, d), (K, d) → (…, K)."""
    return (vectors[..., None, :] - codebook).square().sum(-1)


def decode(decoder: Parameters, vectors: Tensor) -> Tensor:
    """The mean of x, (…, L, d) → (…, D)."""
    return layers(decoder[:-1], vectors.flatten(-2))


def losses(decoder: Parameters, vectors: Tensor, x: Tensor) -> Tensor:
    """−log p(x | vectors), (…, batch, L, d), (batch, D) → (…, batch)."""
    gamma = decoder[-1]
    residual = (x - decode(decoder, vectors)) * (-gamma).exp()
    return 0.5 * residual.square().sum(-1) + gamma.sum() + 0.5 * math.log(2 * math.pi) * x.shape[-1]


@dataclass(frozen=True, eq=False)
class Minibatch(Lookup):
    """A step of training on data x (batch, D): what a quantiser sees, and what becomes of its gradient.

    The loss of a datum, each ‖·‖² summed over its L vectors v of the encoder and their nearest codes e:

        −log p(x | e) + ‖sg[v] − e‖² + β ‖v − sg[e]‖²

    Only the first term's gradient in v is an estimator's. The decoder's is exact at the nearest codes, for all alike.
    The second term's is exact too; or else codes follow their data by moving averages, with n the number of a code's
    data in this batch and s the sum of their vectors, N ← δN + (1 − δ) n, and N e ← δ N e + (1 − δ) s.

    Attributes:
        temperature: T of q(c) ∝ exp(−‖v − e_c‖²/T), from which codes are drawn by those who draw them.
        commitment: β.
        follows: whether codes follow their data by moving averages, without a gradient.

    Source: van den Oord, Vinyals and Kavukcuoglu 2017, equation 3 and appendix A.1.
    """

    network: Network
    parameters: Parameters
    x: Tensor
    temperature: float
    commitment: float
    follows: bool

    @cached_property
    def _encoded(self) -> tuple[Tensor, Any]:
        """The encoder's outputs, (batch, L, d), and the way back to its parameters."""
        encoder = self.parameters[ENCODER]
        outputs, back = torch.func.vjp(lambda weights: self.network.encode(weights, self.x), encoder)[:2]
        return outputs, back

    @property
    def outputs(self) -> Tensor:
        """v, one after the other, (batch·L, d)."""
        return self._encoded[0].flatten(0, 1)

    @property
    def codebook(self) -> Tensor:
        return self.parameters[CODES]

    @cached_property
    def logits(self) -> Tensor:
        """−‖v − e_c‖²/T, (batch, L, K)."""
        return -distances(self._encoded[0], self.codebook) / self.temperature

    @property
    def probabilities(self) -> Tensor:
        return torch.softmax(wide(self.logits.flatten(0, 1)), -1)

    @property
    def nearest(self) -> Tensor:
        return self.logits.flatten(0, 1).argmax(-1)

    @property
    def has_zero(self) -> bool:
        """Nothing is known: looking would wait for the device. A run that meets one is not finite."""
        return False

    def loss_at(self, point: Tensor) -> Tensor:
        """−log p(x | ·), (…, batch·L, d) → (…, batch)."""
        vectors = point.unflatten(-2, self._encoded[0].shape[:2])
        return losses(self.parameters[DECODER], vectors, self.x)

    @property
    def objective(self) -> Objective:
        """The same of one-hot codes, (…, batch, L, K)."""
        return Objective(lambda z: losses(self.parameters[DECODER], z @ self.codebook, self.x), self.x.dtype)

    def towards(self, gradient: Tensor) -> Tensor:
        """The gradient in v, (batch·L, d), from that in the logits, (batch, L, K): the chain rule through distances."""
        g = gradient.flatten(0, 1)
        return 2 / self.temperature * (g @ self.codebook - g.sum(-1, keepdim=True) * self.outputs)

    def pull(self, gradient: Tensor) -> Parameters:
        """The gradient of the mean loss, from an estimate of Σ ∇_v −log p(x | ·), (batch·L, d)."""
        vectors, back = self._encoded
        n, z = len(self.x), one_hot(self.nearest, self.codebook[:, 0])
        codes = z @ self.codebook
        away = self.outputs - codes
        (of_encoder,) = back(((gradient + 2 * self.commitment * away) / n).reshape(vectors.shape))

        def mean_loss(decoder: Parameters) -> Tensor:
            return losses(decoder, codes.reshape(vectors.shape), self.x).mean()

        of_decoder = torch.func.grad(mean_loss)(self.parameters[DECODER])
        of_codes = -2 / n * z.mT @ away if not self.follows else torch.zeros_like(self.codebook)
        return (*of_encoder, *of_decoder, of_codes, torch.zeros_like(self.parameters[COUNTS]))

    @property
    def seen(self) -> Parameters:
        """How many vectors each code is nearest to, (K,), and the sum of what they differ by from it, (K, d); nothing
        where codes do not follow."""
        if not self.follows:
            return ()
        z = one_hot(self.nearest, self.codebook[:, 0])
        return z.sum(0), z.mT @ (self.outputs - z @ self.codebook)


def followed(parameters: Parameters, seen: Parameters, decay: float) -> Parameters:
    """The parameters with codes that have followed a batch by moving averages.

    Args:
        seen: by `Minibatch.seen`.
        decay: δ.
    """
    n, away = seen
    counts = decay * parameters[COUNTS] + (1 - decay) * n
    least = torch.finfo(counts.dtype).tiny  # of a code that is never used: it stays
    moves = (1 - decay) * away / counts.clamp(min=least)[:, None]
    return (*parameters[:CODES], parameters[CODES] + moves, counts)
