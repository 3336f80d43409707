"""The contract of a fit through discrete variables."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from estibench import Fit, FitProblem, PositiveFloat
from estibench_discrete.contract import DiscreteEstimator, DiscreteProblem, Objective, State
from estibench_discrete.distribution import wide

Parameters = tuple[Tensor, ...]


class Step(NamedTuple):
    """What one step of training is made of.

    Attributes:
        objective: f of the data of this step.
        logits: θ of their variables, (batch, L, K).
        pull: the gradient in all that is trained, from that of Σ_b E f_b in the logits.
        seen: what `after_step` is told of these data.
    """

    objective: Objective
    logits: Tensor
    pull: Callable[[Tensor], Parameters]
    seen: State = ()


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
    def at_parameters(self, parameters: Parameters, generator: torch.Generator) -> Step:
        """The objective and the logits, (batch, L, K), of one step, and how its gradient is pulled back.

        Args:
            generator: of a minibatch, and of whatever `pull` draws.
        """

    @abstractmethod
    def loss(self, parameters: Parameters) -> Tensor:
        """The exact loss, a scalar."""

    def use(self, estimator: DiscreteEstimator, generator: torch.Generator) -> Fit:
        """One run."""

        def gradient(
            parameters: Parameters, last: tuple[State, State] | None
        ) -> tuple[Parameters, tuple[State, State]]:
            step = self.at_parameters(parameters, generator)
            logits = wide(step.logits)
            state = estimator.begin(logits, generator) if last is None else last[0]
            slope, state = estimator.step(step.objective, logits, state, generator)
            return step.pull(slope.to(step.logits.dtype)), (state, step.seen)

        return self.train(self.start(), gradient, generator=generator)

    def curve(self, fit: Fit, estimator: Any) -> Tensor:
        """The exact loss."""
        return fit.at_each(self.loss, self.start())
