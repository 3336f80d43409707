"""posteriors (Duffield, Donatella, Chiu, Klett, Simpson; Normal Computing): SGLD, SGHMC and BAOA.

Bridge, for all: all chains are one parameter of shape (chains, dim), whose log posterior is their sum: independent
chains. There are no data, so every step sees the whole log posterior, differentiated by the library. Noise is from
torch's global generator, which is seeded for the time of a step.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat, count
from estibench_peers.optional import library
from estibench_peers.seeds import torch_seeded
from estibench_sampling import Affine, Law, LinearSampler, Modes, Target, affine, independent

INSTALL = ("posteriors", "optree", "tensordict", "torchopt", "graphviz", "pyvers")


class State(NamedTuple):
    """The library's transform and its state; x: (chains, dim)."""

    x: Tensor
    transform: Any
    inner: Any


@dataclass(frozen=True)
class _Posteriors(LinearSampler):
    lr: PositiveFloat = 0.1

    claims = (
        *LinearSampler.claims,
        Cost("score_evaluation", lambda problem, estimator: estimator.steps, "steps"),
    )

    @abstractmethod
    def build(self, sgmcmc: Any, log_posterior: Any) -> Any:
        """The library's transform."""

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> State:
        with library(*INSTALL):
            from posteriors import sgmcmc

        def log_posterior(x: Tensor, batch: object) -> tuple[Tensor, Tensor]:
            count("score_evaluation")
            return target.density.log_prob(x).sum(), x.new_zeros(())

        transform = self.build(sgmcmc, log_posterior)
        with torch_seeded(generator):
            return State(x, transform, transform.init(x))

    def step(self, target: Target, state: State, control: Any, generator: torch.Generator) -> State:
        with torch_seeded(generator):
            inner, _ = state.transform.update(state.inner, None)
        return State(inner.params, state.transform, inner)

    def normal_start(self, modes: Modes, mean: Tensor, variance: Tensor) -> Law:
        return independent([mean, 0.0], [variance, 1.0], len(mean))


@dataclass(frozen=True)
class PosteriorsSGLD(_Posteriors):
    """`posteriors.sgmcmc.sgld.build(log_posterior, lr)`.

    Documentation (posteriors.sgmcmc.sgld.build): "θ_{t+1} = θ_t + ε ∇ log p(θ_t, batch) + N(0, ε (2 − ε β T) T I)",
    with β = 0 and T = 1 its defaults.

    Parameters:
        lr: ε.
    """

    citation = "posteriors.sgmcmc.sgld; Welling and Teh 2011."

    def build(self, sgmcmc: Any, log_posterior: Any) -> Any:
        return sgmcmc.sgld.build(log_posterior, lr=self.lr)

    def normal_start(self, modes: Modes, mean: Tensor, variance: Tensor) -> Law:
        return independent([mean], [variance], len(mean))

    def normal_step(self, modes: Modes, control: Any) -> Affine:
        precision = 1 / modes.variance
        return affine([[1 - self.lr * precision]], [self.lr * precision * modes.mean], [[2 * self.lr]])


@dataclass(frozen=True)
class PosteriorsSGHMC(_Posteriors):
    """`posteriors.sgmcmc.sghmc.build(log_posterior, lr, alpha, sigma=…)`.

    Documentation (posteriors.sgmcmc.sghmc.build): "θ_{t+1} = θ_t + ε σ⁻² m_t, m_{t+1} = m_t + ε ∇ log p(θ_t, batch) −
    ε σ⁻² α m_t + N(0, ε T (2 α − ε β T) I)", β = 0 and T = 1; "momenta: […] Defaults to random iid samples from
    N(0, 1)".

    Parameters:
        lr: ε.
        alpha, sigma: the library's; its defaults are 0.01 and 1.
    """

    alpha: PositiveFloat = 0.01
    sigma: PositiveFloat = 1.0
    citation = "posteriors.sgmcmc.sghmc; Chen, Fox, Guestrin, ICML 2014."

    def build(self, sgmcmc: Any, log_posterior: Any) -> Any:
        return sgmcmc.sghmc.build(log_posterior, lr=self.lr, alpha=self.alpha, sigma=self.sigma)

    def normal_step(self, modes: Modes, control: Any) -> Affine:
        eps, precision = self.lr, 1 / modes.variance
        kept = 1 - eps * self.alpha / self.sigma**2
        return affine(
            [[1.0, eps / self.sigma**2], [-eps * precision, kept]],
            [0.0, eps * precision * modes.mean],
            [[0.0, 0.0], [0.0, 2 * eps * self.alpha]],
        )


@dataclass(frozen=True)
class PosteriorsBAOA(_Posteriors):
    """`posteriors.sgmcmc.baoa.build(log_posterior, lr, alpha, sigma=…)`.

    Documentation (posteriors.sgmcmc.baoa.build): "m_{t+1/2} = m_t + ε ∇ log p(θ_t, batch), θ_{t+1/2} = θ_t + (ε/2) σ⁻²
    m_{t+1/2}, m_{t+1} = e^{−εγ} m_{t+1/2} + N(0, ζ² σ²), θ_{t+1} = θ_{t+1/2} + (ε/2) σ⁻² m_{t+1}", γ = α σ⁻² and
    ζ² = T (1 − e^{−2γε}), T = 1.

    Parameters:
        lr: ε.
        alpha, sigma: the library's; its defaults are 0.01 and 1.
    """

    alpha: PositiveFloat = 0.01
    sigma: PositiveFloat = 1.0
    citation = "posteriors.sgmcmc.baoa; Leimkuhler and Matthews 2015."

    def build(self, sgmcmc: Any, log_posterior: Any) -> Any:
        return sgmcmc.baoa.build(log_posterior, lr=self.lr, alpha=self.alpha, sigma=self.sigma)

    def normal_step(self, modes: Modes, control: Any) -> Affine:
        eps, precision, gamma = self.lr, 1 / modes.variance, self.alpha / self.sigma**2
        decay = math.exp(-gamma * eps)
        nothing = [[0.0, 0.0], [0.0, 0.0]]
        kick = affine([[1.0, 0.0], [-eps * precision, 1.0]], [0.0, eps * precision * modes.mean], nothing)
        move = affine([[1.0, eps / (2 * self.sigma**2)], [0.0, 1.0]], [0.0, 0.0], nothing)
        noise = (1 - decay**2) * self.sigma**2
        refresh = affine([[1.0, 0.0], [0.0, decay]], [0.0, 0.0], [[0.0, 0.0], [0.0, noise]])
        return kick.then(move).then(refresh).then(move)
