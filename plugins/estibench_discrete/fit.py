"""The contract of a fit through discrete variables."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from estibench import Fit, FitProblem, PositiveFloat
from estibench_discrete.contract import DiscreteEstimator, DiscreteProblem, Objective, State
from estibench_discrete.distribution import wide

Parameters = tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True)
class DiscreteFit(FitProblem, DiscreteProblem):
    """Minimise E f, each step along an estimate of the gradient. Truth: the least loss, at every checkpoint.

    The loss is exact, not an estimate: what differs between runs is where the gradients have led.
    """

    rate: PositiveFloat = 0.05
    schedule: Literal["cosine", "constant"] = "constant"

    @property
    def calls(self) -> int:
        return self.steps

    @abstractmethod
    def start(self) -> Parameters:
        """What is trained, as it is at first, the same for every run."""

    @abstractmethod
    def at_parameters(self, parameters: Parameters) -> tuple[Objective, Tensor]:
        """The objective and the logits, (batch, L, K)."""

    @abstractmethod
    def pull(self, parameters: Parameters, gradient: Tensor, generator: torch.Generator) -> Parameters:
        """The gradient in what is trained, from that of Σ_b E f_b in the logits."""

    @abstractmethod
    def loss(self, parameters: Parameters) -> Tensor:
        """The exact loss, a scalar."""

    def use(self, estimator: DiscreteEstimator, generator: torch.Generator) -> Fit:
        """One run."""

        def gradient(parameters: Parameters, state: State) -> tuple[Parameters, State]:
            objective, logits = self.at_parameters(parameters)
            slope, state = estimator.step(objective, wide(logits), state, generator)
            return self.pull(parameters, slope.to(logits.dtype), generator), state

        start = self.start()
        return self.train(start, gradient, estimator.begin(wide(self.at_parameters(start)[1]), generator))

    def curve(self, fit: Fit, estimator: Any) -> Tensor:
        """The exact loss."""
        return fit.at_each(self.loss, self.start())
