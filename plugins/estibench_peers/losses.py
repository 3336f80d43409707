"""Losses of libraries: `objective(model, x)`, with noise from torch's global generator."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from estibench import Unbiased
from estibench_peers.seeds import torch_seeded
from estibench_score import ScoreEstimator, ScoreField, on_gradients, same_levels

UNBIASED_AT_SIGMA = Unbiased(
    when=on_gradients(lambda problem, estimator: same_levels(problem, (estimator.sigma,))),
    given="the estimand is about the density noised by σ",
)
"""What denoising at one level claims, for an estimator with the parameter `sigma`."""

Model = Callable[..., Tensor]
"""The harness's score at fixed parameters: (batch, m) → (batch, m)."""


@dataclass(frozen=True)
class LibraryLoss(ScoreEstimator):
    """`estibench_score.PlainLoss` for a library that draws from torch alone: `torch_seeded` says why it is not that."""

    @abstractmethod
    def objective(self, model: Model, x: Tensor) -> Tensor:
        """The loss on a minibatch x, (batch, m), in the harness's normalisation: ½E‖s − ∇log p‖² plus a constant."""

    @final
    def randomness(self, generator: torch.Generator) -> AbstractContextManager[None]:
        return torch_seeded(generator)

    @final
    def loss(self, s: ScoreField, x: Tensor, generator: torch.Generator) -> Tensor:
        return self.objective(s, x)
