"""Training a categorical autoencoder on real data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import Fit, PositiveFloat, PositiveInt
from estibench_discrete.contract import MOST_STATES, Objective
from estibench_discrete.distribution import sample, wide
from estibench_discrete.fit import DiscreteFit, Parameters, Step
from estibench_discrete.vae import Shape, digits, divergence_gradient

LONGER = 4  # times the steps that the reference is trained for


@dataclass(frozen=True, kw_only=True)
class DigitsFit(DiscreteFit):
    """Train encoder and decoder on scikit-learn's digits, binarised, all images in each step. Loss: the exact −ELBO.

    The encoder's gradient is that of KL(q ‖ uniform) plus what the estimator says of −log p(x|z). The decoder's is
    exact for one sample of z, for all estimators alike. Truth: −ELBO after four times as many steps along exact
    gradients, from the same start, float64; a run may in principle end below it.

    At the end of a run `error_held_out` is the exact −log p(x), the sum over all states, of images that are not trained
    on, in nats an image; `reading_data_error` its standard error over them, and `reading_gap` by how much their −ELBO
    is higher: what the encoder loses.

    Parameters:
        variables, values: L and K, K^L ≤ 16384.
        images: how many are trained on.
        test: how many of the others are held out; the seed chooses them.
        hidden: width of encoder and decoder.
    """

    steps: PositiveInt = 300
    rate: PositiveFloat = 0.01
    variables: PositiveInt = 3
    values: PositiveInt = 10
    images: PositiveInt = 100
    test: PositiveInt = 500
    hidden: PositiveInt = 32

    citation = "Jang, Gu, Poole, ICLR 2017, section 4.2; data: Alpaydin and Kaynak 1998, in scikit-learn."
    examples = ({"steps": 4, "variables": 2, "values": 4, "images": 12, "test": 10},)

    def __post_init__(self) -> None:
        if self.values**self.variables > MOST_STATES:
            raise ValueError(f"{self.values}^{self.variables} states are more than {MOST_STATES}")

    @property
    def states(self) -> int:
        return int(self.values**self.variables)

    @property
    def shape(self) -> Shape:
        """Sizes of the network."""
        return Shape(self.variables, self.values, self.hidden)

    @cached_property
    def _images(self) -> Tensor:
        return self.place(digits(self.images))

    @cached_property
    def _start(self) -> Parameters:
        return tuple(map(self.place, self.shape.start(self.data_generator())))

    @cached_property
    def _others(self) -> Tensor:
        """Images that are not trained on, in an order that the seed chooses, float64 on the CPU."""
        others = digits()[self.images :]
        return others[torch.randperm(len(others), generator=self.data_generator())]

    @cached_property
    def _held_out(self) -> Tensor:
        return self.place(self._others[: self.test])

    def prepare(self) -> None:
        _ = self._images, self._start, self._held_out

    def start(self) -> Parameters:
        return self._start

    def at_parameters(self, parameters: Parameters, generator: torch.Generator) -> Step:
        x, shape = self._images, self.shape
        objective = Objective(lambda z: shape.losses(parameters[4:], z, x), self.torch_dtype)
        logits = shape.encode(parameters[:4], x)

        def pull(gradient: Tensor) -> Parameters:
            back = torch.func.vjp(lambda encoder: shape.encode(encoder, x), parameters[:4])[1]
            (of_encoder,) = back((gradient + divergence_gradient(logits)) / self.images)
            z = sample(torch.softmax(wide(logits), -1), 1, generator)[0].to(logits.dtype)
            of_decoder = torch.func.grad(lambda decoder: shape.losses(decoder, z, x).mean())(parameters[4:])
            return (*of_encoder, *of_decoder)

        return Step(objective, logits, pull)

    def loss(self, parameters: Parameters) -> Tensor:
        return self.shape.negative_elbo(parameters, self._images)

    def errors(self, fit: Fit, estimator: Any) -> Mapping[str, Tensor]:
        return {**super().errors(fit, estimator), "held_out": -self._log_likelihoods(fit).mean()}

    def readings(self, fit: Fit, estimator: Any) -> Mapping[str, Tensor]:
        log_p = self._log_likelihoods(fit)
        return {
            **super().readings(fit, estimator),
            "data_error": log_p.std() / len(log_p) ** 0.5,
            "gap": self.shape.negative_elbo(fit.final, self._held_out) + log_p.mean(),
        }

    def _log_likelihoods(self, fit: Fit) -> Tensor:
        return self.shape.log_likelihoods(fit.final[4:], self._held_out)

    def samples(self, fit: Fit, estimator: Any, n: int, generator: torch.Generator) -> Tensor:
        return self.shape.samples(fit.final[4:], n, generator)

    def real(self, n: int, generator: torch.Generator) -> Tensor:
        return self._others[torch.randperm(len(self._others), generator=generator)[:n]]

    @cached_property
    def truth(self) -> Tensor:
        exact = self.at("cpu", "float64")
        best = exact.shape.train_exactly(exact.start(), exact._images, LONGER * self.steps, self.rate)
        return exact.loss(best).expand(len(self.checkpoints)).clone()

    @property
    def truth_source(self) -> str:
        return "float64 reference: exact gradients, four times the steps"
