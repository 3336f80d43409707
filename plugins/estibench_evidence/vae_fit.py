"""The contract of `vae_fit`: an autoencoder with normal latents, trained by gradients of its bound."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import DataSplit, Fit, FitProblem, NonNegativeInt, PositiveInt, counting
from estibench_evidence.elbo_gradient import ElboEstimator, ElboProblem
from estibench_evidence.normal_vae import Minibatch, Parameters, Shape, decode, encode

NOISE = 8_009  # added to the seed of a problem


@dataclass(frozen=True, kw_only=True)
class VAEFit(DataSplit, FitProblem, ElboProblem):
    """Raise the bound L_K, K = `importance_samples`, of an autoencoder, in minibatches drawn with replacement.

    The estimator says the gradient in each datum's μ and λ, which trains the encoder. The decoder and the scales of x
    have the gradient of the same bound on K samples of their own, for all estimators alike.

    The curve is −L_J a datum, J = `judged_samples`, in nats or what `unit` says, of points that are held out, on
    one fixed noise for all estimators and checkpoints. At the end of a run, in the same units: it is too high by
    about Var(w)/(2J E²w), `reading_importance_bias`; its standard errors over points and over noise are
    `reading_data_error` and `reading_importance_error`; and the ELBO is lower by `reading_gap`, L_J − L_1.

    Parameters:
        dim: m, of the latents.
        hidden: width of the encoder's and of the decoder's tanh layer; 0: none.
        batch: data of a step.
        judged_samples: J.

    Source: Kingma and Welling 2014; Burda, Grosse and Salakhutdinov 2016 (L_K as a judge).
    """

    dim: PositiveInt = 2
    hidden: NonNegativeInt = 32
    batch: PositiveInt = 64
    judged_samples: PositiveInt = 64

    @property
    def shape(self) -> Shape:
        """Sizes of the network."""
        return Shape(self.training.shape[-1], self.dim, self.hidden)

    @property
    def points(self) -> int:
        return self.steps * self.batch

    @cached_property
    def start(self) -> Parameters:
        """What is trained, as it is at first."""
        return tuple(map(self.place, self.shape.start(self.data_generator())))

    def bound(self, parameters: Parameters, x: Tensor) -> Minibatch:
        """The bound at data x (batch, D)."""
        code = encode(self.shape.encoder(parameters), x)
        return Minibatch(x, code, self.shape.decoder(parameters), self.importance_samples)

    def use(self, estimator: ElboEstimator, generator: torch.Generator) -> Fit:
        """One run."""

        def gradient(parameters: Parameters, state: object) -> tuple[Parameters, tuple[()]]:
            chosen = torch.randint(len(self.training), (self.batch,), generator=generator, device=generator.device)
            x = self.dequantised(self.training[chosen], generator)
            back = torch.func.vjp(lambda encoder: encode(encoder, x), self.shape.encoder(parameters))[1]
            bound = self.bound(parameters, x)
            (up,) = back(estimator.gradient(bound, generator) / self.batch)
            return tuple(-one for one in (*up, *bound.decoder_gradient(generator))), ()

        return self.train(self.start, gradient, generator=generator)

    def curve(self, fit: Fit, estimator: Any) -> Tensor:
        return fit.at_each(self.loss, self.start)

    def loss(self, parameters: Parameters) -> Tensor:
        """How the model is judged, a scalar. Default: −L_J a datum."""
        return self.offset - self.unit * self._log_mean(self._log_weights(parameters)).mean()

    def _log_weights(self, parameters: Parameters) -> Tensor:
        """log w at the fixed noise, (J, points)."""
        bound = self.bound(parameters, self.held_out)
        return bound.log_w(bound.mu + bound.sigma * self._noise)

    def _log_mean(self, log_w: Tensor) -> Tensor:
        return log_w.logsumexp(0) - math.log(self.judged_samples)

    @cached_property
    def _noise(self) -> Tensor:
        stream = torch.Generator().manual_seed(self.seed + NOISE)
        size = (self.judged_samples, len(self.held_out), self.dim)
        return self.place(torch.randn(size, generator=stream, dtype=torch.float64))

    def readings(self, fit: Fit, estimator: Any) -> Mapping[str, Tensor]:
        log_w = self._log_weights(fit.final)
        bounds, n = self._log_mean(log_w), log_w.shape[1]
        spread = (log_w - bounds).exp().var(0) / self.judged_samples if self.judged_samples > 1 else bounds * 0
        return {
            **super().readings(fit, estimator),
            "gap": self.unit * (bounds.mean() - log_w.mean()),
            "data_error": self.unit * bounds.std() / n**0.5,
            "importance_error": self.unit * spread.sum().sqrt() / n,
            "importance_bias": self.unit * spread.mean() / 2,
        }

    def samples(self, fit: Fit, estimator: Any, n: int, generator: torch.Generator) -> Tensor:
        decoder = self.shape.decoder(fit.final)
        like: dict[str, Any] = {"generator": generator, "device": generator.device, "dtype": self.torch_dtype}
        mean = decode(decoder, torch.randn((n, self.dim), **like))
        return mean + decoder[-1].exp() * torch.randn(mean.shape, **like)

    def prepare(self) -> None:
        with counting():
            _ = self.start, self.training, self.held_out, self._noise
