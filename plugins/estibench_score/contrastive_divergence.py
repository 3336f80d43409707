"""Contrastive divergence: the likelihood's gradient with a short Markov chain for the model's samples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from estibench import PositiveFloat, PositiveInt
from estibench_score.contract import ScoreEstimator
from estibench_score.samplers import langevin
from estibench_score.score_field import ScoreField

Tensors = tuple[Tensor, ...]


@dataclass(frozen=True)
class ContrastiveDivergence(ScoreEstimator):
    """mean log q̃_θ(y) − mean log q̃_θ(x), x the data and y the ends of chains that θ does not see: its gradient is that
    of −E log q_θ(x), ∇E_data[E_θ] − ∇E_model[E_θ] with E = −log q̃, if y has the law of the model.

    The chains are unadjusted Langevin dynamics. From the data (CD-k) they are too short for that: the gradient is not
    the likelihood's, and of no function at all; as η → 0 it is ηk times that of score matching (Hyvärinen 2007).
    Persistent ones (PCD) go on from step to step of a run, as many as points in a minibatch, from the first
    minibatch, and are never started again: they follow the model if it changes slowly.

    Parameters:
        steps: k, Langevin steps for each step of training.
        step_size: η, in the units of x².
        persistent: PCD.

    Cost: k + 2 evaluations. Normalisation: a likelihood's, not J's.
    """

    steps: PositiveInt = 1
    step_size: PositiveFloat = 0.05
    persistent: bool = False

    citation = (
        "Hinton 2002, Training products of experts by minimizing contrastive divergence; Tieleman 2008, Training "
        "restricted Boltzmann machines using approximations to the likelihood gradient."
    )

    def loss(self, s: ScoreField, x: Tensor, generator: torch.Generator) -> Tensor:
        return self.loss_and_state(s, x, (), generator)[0]

    def loss_and_state(
        self, s: ScoreField, x: Tensor, state: Tensors, generator: torch.Generator
    ) -> tuple[Tensor, Tensors]:
        y = self.chains(s, state[0] if state else x, generator).detach()
        data, model = s.log_densities([x, y])
        return model.mean() - data.mean(), (y,) if self.persistent else ()

    def chains(self, s: ScoreField, start: Tensor, generator: torch.Generator) -> Tensor:
        """Where chains end, (batch, m)."""
        fixed = replace(s, theta=s.theta.detach())
        return langevin(fixed, start, self.step_size, self.steps, generator)
