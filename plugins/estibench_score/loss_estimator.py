"""What every objective that is trained by minibatches is: one method, the loss of a minibatch."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from estibench import Estimator, Unsupported


@dataclass(frozen=True)
class LossEstimator(Estimator):
    """An estimator that is the loss of a minibatch; what is made of it, and how many at once, is the problem's."""

    @abstractmethod
    def loss(self, field: Any, x: Tensor, generator: torch.Generator) -> Tensor:
        """The objective on a minibatch x, (batch, m): a number, differentiable in the parameters of the field."""

    def loss_and_state(
        self, field: Any, x: Tensor, state: tuple[Tensor, ...], generator: torch.Generator
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The loss in a step of a training run, and what the next step is given as `state`, which is () at the first.

        Default: `loss`, and nothing is handed on.
        """
        return self.loss(field, x, generator), state

    def randomness(self, generator: torch.Generator) -> AbstractContextManager[None]:
        """What surrounds an estimate. Default: nothing; `PlainLoss` seeds the global generators."""
        return nullcontext()

    @final
    def estimate(self, problem: Any, generator: torch.Generator) -> Any:
        """What the problem makes of the loss: a minibatch gradient (p,), or a training run, a `Fit`."""
        with self.randomness(generator):
            return problem.use(self, generator)

    @final
    def draws(self, problem: Any, n: int, generator: torch.Generator) -> Any:
        """n of them in one vectorised call, (n, p) or a `Fit` of n runs, where `torch.func` takes the loss."""
        try:
            with self.randomness(generator):
                return problem.use_many(self, n, generator)
        except Unsupported:
            raise
        except Exception as error:  # `torch.func` refuses in many ways; a loop will tell a real failure apart
            raise NotImplementedError(str(error)) from error
