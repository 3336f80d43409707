"""The contract of a fit: one draw is one training run, and the estimate is its loss at checkpoints."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import PositiveFloat, PositiveInt
from estibench_discrete.adam import Adam, Parameters
from estibench_discrete.contract import DiscreteEstimator, DiscreteProblem, Objective
from estibench_discrete.distribution import wide

CHECKPOINTS = 8


@dataclass(frozen=True, kw_only=True)
class FitProblem(DiscreteProblem):
    """Minimise E f with Adam, each step along an estimate of the gradient. Truth: the least loss, at every checkpoint.

    The loss is exact, not an estimate: what differs between runs is where the gradients have led.

    Parameters:
        steps: of Adam.
        rate: its step size.
    """

    steps: PositiveInt = 300
    rate: PositiveFloat = 0.05

    @property
    def calls(self) -> int:
        return self.steps

    @cached_property
    def checkpoints(self) -> tuple[int, ...]:
        """Steps at which the loss is read: 0, and about evenly spaced on a log scale up to the last."""
        powers = (round(self.steps ** (index / (CHECKPOINTS - 2))) for index in range(CHECKPOINTS - 1))
        return tuple(sorted({0, *powers}))

    @property
    def axis(self) -> tuple[str, tuple[float, ...]]:
        return "step", tuple(map(float, self.checkpoints))

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

    def use(self, estimator: DiscreteEstimator, generator: torch.Generator) -> Tensor:
        """Losses at the checkpoints of one run."""
        parameters = self.start()
        optimiser = Adam.start(parameters, self.rate)
        state = estimator.begin(wide(self.at_parameters(parameters)[1]), generator)
        losses = [self.loss(parameters)]
        for step in range(1, self.steps + 1):
            objective, logits = self.at_parameters(parameters)
            gradient, state = estimator.step(objective, wide(logits), state, generator)
            pulled = self.pull(parameters, gradient.to(logits.dtype), generator)
            parameters, optimiser = optimiser.step(parameters, pulled)
            if step in self.checkpoints:
                losses.append(self.loss(parameters))
        return torch.stack(losses)
