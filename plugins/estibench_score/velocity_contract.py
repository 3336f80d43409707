"""The contract between objectives of flow matching and the problems that use them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from estibench import NoisedDensity, PositiveInt, Problem
from estibench_score.flow_path import MarginalVelocity, PathName, Point, point
from estibench_score.loss_estimator import LossEstimator
from estibench_score.minibatches import fresh_minibatches
from estibench_score.model import ScoreModel
from estibench_score.models import ModelName, make_model
from estibench_score.velocity_field import VelocityField


@dataclass(frozen=True)
class VelocityEstimator(LossEstimator):
    """An objective of flow matching. Its one method is the loss of a minibatch of data; problems do the rest.

    Losses are normalised as J = ½E‖v_θ − u_t‖² plus a constant, so that their gradients compare.
    """

    @abstractmethod
    def loss(self, v: VelocityField, x: Tensor, generator: torch.Generator) -> Tensor:
        """The objective on a minibatch of data x, (batch, m): a number, differentiable in the parameters of v."""


@dataclass(frozen=True, kw_only=True)
class VelocityProblem(Problem):
    """A model of a velocity, and data from a density whose convolution with noise is known.

    x_t = α_t x_1 + σ_t x_0 with data x_1 and independent noise x_0 ~ N(0, I); u_t(x) = E[ẋ_t | x_t = x] in closed form.
    t is uniform on a grid, so that nothing is left to quadrature.

    Parameters:
        density: the law of the data. It takes its dimension from `dim`.
        model: of the velocity: gaussian (−P(x − μ), at all times), mlp (two SiLU layers, which see t), and the other
            models of scores.
        path: linear (α = t, σ = 1 − t) or variance_preserving (α = sin(πt/2), σ = cos(πt/2)).
        times: t is one of the midpoints of so many equal parts of [0, 1].
        batch: points in a minibatch.
        hidden: width of the networks.
    """

    density: NoisedDensity
    model: ModelName = "gaussian"
    path: PathName = "linear"
    times: PositiveInt = 8
    dim: PositiveInt = 2
    batch: PositiveInt = 32
    hidden: PositiveInt = 32

    gradients: ClassVar[bool] = False
    citation = (
        "Lipman, Chen, Ben-Hamu, Nickel and Le 2023, Flow matching for generative modeling, equation 5; Albergo and "
        "Vanden-Eijnden 2023, Building normalizing flows with stochastic interpolants."
    )

    def field(self, theta: Tensor, transformed: bool) -> VelocityField:
        """The model at these parameters, for use inside or outside of transforms of `torch.func`."""
        return VelocityField(self.score_model, theta, *self._grid)

    @cached_property
    def points(self) -> list[Point]:
        """The path at each time of the estimand."""
        return [point(self.path, (k + 0.5) / self.times) for k in range(self.times)]

    @cached_property
    def score_model(self) -> ScoreModel:
        """The model, without its parameters: any of those of scores may be a velocity."""
        return make_model(self.model, self.dim, self.hidden)

    @cached_property
    def initial(self) -> Tensor:
        """Parameters from the seed, (p,), float64 on the CPU."""
        return self.score_model.initial(self.data_generator())

    @cached_property
    def _grid(self) -> tuple[Tensor, Tensor, list[MarginalVelocity]]:
        """Times (T,), coefficients (T, 4) and marginal velocities, on the problem's device in its dtype."""
        times = torch.tensor([at.time for at in self.points], dtype=torch.float64)
        path = torch.tensor([at.coefficients for at in self.points], dtype=torch.float64)
        law = self.density.at(self.device, self.dtype)
        return self.place(times), self.place(path), [MarginalVelocity(law, at) for at in self.points]

    def prepare(self) -> None:
        _ = self.initial
        fresh_minibatches(self, 1, torch.Generator(self.device).manual_seed(0))
        zero = self.place(torch.zeros(1, self.dim, dtype=torch.float64))
        for u in self._grid[2]:
            u(zero)  # makes cached data outside of transforms
