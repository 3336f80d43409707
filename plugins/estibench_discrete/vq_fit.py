"""The training of a VQ-VAE, which is judged by its exact likelihood under a prior over its codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from estibench import DataSplit, Fit, NonNegativeFloat, PositiveFloat, PositiveInt
from estibench_discrete.bernoulli_quadratic import Probability
from estibench_discrete.code_prior import CodePrior
from estibench_discrete.contract import State
from estibench_discrete.fit import DiscreteFit, Parameters, Step
from estibench_discrete.lookup import Lookup
from estibench_discrete.vq_network import Minibatch, Network, followed

MOST_CODES = 1024  # sequences of codes, each of which the decoder sees in every judgement


@dataclass(frozen=True, kw_only=True)
class VQFit(DataSplit, DiscreteFit):
    """Train a VQ-VAE in minibatches, drawn with replacement, each vector of the encoder replaced by its nearest code.

    The estimator says the gradient of −log p(x | c) past the codebook, which trains the encoder: a quantiser in the
    encoder's outputs v, a general one in the logits −‖v − e_c‖²/T. All else is alike for all of them (`Minibatch`).

    The model is p(x) = Σ_c π(c) N(x; decoder(e_c), diag e^(2γ)), whose prior π counts the codes of the training data: a
    table for one code, the joint one for two, a chain beyond. The curve is the exact −log p(x), the sum over all K^L
    sequences, a held-out datum, in nats or what `unit` says. At the end of a run `reading_data_error` is its
    standard error over these, `reading_gap` by how much the two-part code is longer, which names the encoder's code
    first, −log π(c(x)) − log p(x | c(x)), and `reading_perplexity` e to the entropy of the single codes' shares.

    Parameters:
        codes, positions: K and L, K^L ≤ 1024.
        dim: of a code.
        hidden: width of the encoder's and of the decoder's tanh layer.
        batch: data of a step.
        temperature: T.
        commitment: β.
        codebook: codes follow their data by the `gradient` of the codebook's loss, or by moving averages (`ema`).
        decay: of these averages.

    Source: van den Oord, Vinyals and Kavukcuoglu, NeurIPS 2017, Neural discrete representation learning.
    """

    steps: PositiveInt = 300
    rate: PositiveFloat = 0.01
    schedule: Literal["cosine", "constant"] = "cosine"
    codes: PositiveInt = 16
    positions: PositiveInt = 1
    dim: PositiveInt = 2
    hidden: PositiveInt = 32
    batch: PositiveInt = 64
    temperature: PositiveFloat = 1.0
    commitment: NonNegativeFloat = 0.25
    codebook: Literal["gradient", "ema"] = "gradient"
    decay: Probability = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.states > MOST_CODES:
            raise ValueError(f"{self.codes}^{self.positions} sequences of codes are more than {MOST_CODES}")

    @property
    def states(self) -> int:
        return int(self.codes**self.positions)

    @property
    def counted(self) -> Tensor:
        """The training data as their codes are counted, (points, D). Default: as they are."""
        return self.training

    @property
    def network(self) -> Network:
        """Sizes of the network."""
        return Network(self.training.shape[-1], self.positions, self.dim, self.codes, self.hidden)

    @cached_property
    def _start(self) -> Parameters:
        x, expected = self.counted.to("cpu", torch.float64), self.batch * self.positions / self.codes
        return tuple(map(self.place, self.network.start(x, expected, self.data_generator())))

    def start(self) -> Parameters:
        return self._start

    def prepare(self) -> None:
        _ = self._start, self.training, self.held_out

    def minibatch(self, parameters: Parameters, generator: torch.Generator) -> Minibatch:
        """A step at these parameters, on data that it draws."""
        chosen = torch.randint(len(self.training), (self.batch,), generator=generator, device=generator.device)
        x = self.dequantised(self.training[chosen], generator)
        return Minibatch(self.network, parameters, x, self.temperature, self.commitment, self.codebook == "ema")

    def at_parameters(self, parameters: Parameters, generator: torch.Generator) -> Step:
        return self._step(self.minibatch(parameters, generator))

    @staticmethod
    def _step(batch: Minibatch) -> Step:
        return Step(batch.objective, batch.logits, lambda slope: batch.pull(batch.towards(slope)), batch.seen)

    def follow(self, quantiser: Callable[[Lookup, torch.Generator], Tensor], generator: torch.Generator) -> Fit:
        """One run along a quantiser's gradients, which are in the encoder's outputs."""

        def gradient(parameters: Parameters, last: Any) -> tuple[Parameters, tuple[State, State]]:
            batch = self.minibatch(parameters, generator)
            return batch.pull(quantiser(batch, generator)), ((), batch.seen)

        return self.train(self.start(), gradient, generator=generator)

    def after_step(self, parameters: Parameters, state: tuple[State, State]) -> Parameters:
        """Codes that follow their data by moving averages have followed this batch."""
        return followed(parameters, state[1], self.decay) if self.codebook == "ema" else parameters

    def _judged(self, parameters: Parameters) -> tuple[Parameters, CodePrior, Tensor, Tensor]:
        """In float64: the parameters, the prior, the held-out data, and log π(c) + log p(x | c), (K^L, points)."""
        exact = tuple(one.double() for one in parameters)
        prior = CodePrior.of(self.network.nearest(exact, self.counted.double()), self.codes)
        x = self.held_out.double()
        return exact, prior, x, self.network.log_joint(exact, prior, x)

    def loss(self, parameters: Parameters) -> Tensor:
        """How the model is judged, a scalar: −log p(x) a held-out datum."""
        return (self.offset - self.unit * self._judged(parameters)[-1].logsumexp(0).mean()).to(self.torch_dtype)

    def readings(self, fit: Fit, estimator: Any) -> Mapping[str, Tensor]:
        parameters, _, x, joint = self._judged(fit.final)
        log_p = joint.logsumexp(0)
        own = self.network.place(self.network.nearest(parameters, x))
        codes = self.network.nearest(parameters, self.counted.double())
        shares = torch.bincount(codes.flatten(), minlength=self.codes) / codes.numel()
        return {
            **super().readings(fit, estimator),
            "data_error": self.unit * log_p.std() / len(log_p) ** 0.5,
            "gap": self.unit * (log_p - joint.gather(0, own[None])[0]).mean(),
            "perplexity": torch.special.entr(shares).sum().exp(),
        }

    def samples(self, fit: Fit, estimator: Any, n: int, generator: torch.Generator) -> Tensor:
        parameters, prior, _, _ = self._judged(fit.final)
        return self.network.samples(parameters, prior, n, generator).to(self.torch_dtype)
