"""Objectives as everyone writes them, `loss(model, x)`, with noise from torch's global generator."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from estibench import seeded
from estibench_score.contract import ScoreEstimator
from estibench_score.score_field import ScoreField


@dataclass(frozen=True)
class PlainLoss(ScoreEstimator):
    """An objective whose `objective(model, x)` is a function that was written for something else.

    `model(x)` is the score, (batch, m) → (batch, m); `model(x, level)` that of a model of many noise levels. Global
    generators are seeded from the harness's for the time of an estimate (`estibench.seeded`), so `torch.randn_like`
    does. Derivatives in x may be taken by `torch.autograd.grad(…, create_graph=True)`: they are then not counted as
    sweeps, and draws are made in a loop. A function that exists already is set as `objective = staticmethod(its_name)`.
    """

    @abstractmethod
    def objective(self, model: Callable[..., Tensor], x: Tensor) -> Any:
        """The loss on a minibatch x, (batch, m): a number, differentiable in the model's parameters."""

    @final
    def randomness(self, generator: torch.Generator) -> AbstractContextManager[None]:
        return seeded(generator)

    @final
    def loss(self, s: ScoreField, x: Tensor, generator: torch.Generator) -> Tensor:
        found: Tensor = self.objective(s, x)
        return found
