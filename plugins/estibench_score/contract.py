"""The contract between objectives of score matching and the problems that use them."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from estibench import Density, Fit, NoisedDensity, PositiveFloat, PositiveInt, Problem, Unsupported
from estibench_score.loss_estimator import LossEstimator
from estibench_score.minibatches import fresh_minibatches
from estibench_score.model import ScoreModel
from estibench_score.models import ModelName, make_model
from estibench_score.score_field import Field, ScoreField


@dataclass(frozen=True)
class ScoreEstimator(LossEstimator):
    """An objective of score matching. Its one method is the loss of a minibatch; problems do the rest.

    Losses are normalised as J = ½E‖s_θ − ∇log p‖² plus a constant, so that their gradients compare.

    Class attributes:
        denoises: whether it takes clean data and adds noise itself. Otherwise, where the estimand is about a noised
            density, the minibatch already comes from that.
    """

    denoises: ClassVar[bool] = False

    @property
    def levels(self) -> tuple[float, ...]:
        """The noise levels σ that the model is told, as log σ. Default: none, it is told nothing."""
        return ()

    @property
    def level_of_data(self) -> float:
        """The `level` at which the fitted model is the score of the data: the smallest, for a model of many."""
        return math.log(min(self.levels)) if self.levels else 0.0

    @abstractmethod
    def loss(self, s: ScoreField, x: Tensor, generator: torch.Generator) -> Tensor:
        """The objective on a minibatch x, (batch, m): a number, differentiable in the parameters of s."""


@dataclass(frozen=True, kw_only=True)
class ScoreProblem(Problem):
    """A model, and data from a density with a known score.

    Parameters:
        density: the law of the data. It takes its dimension from `dim`.
        model: gaussian, exponential_family, mixture, mlp (two SiLU layers) or energy (gradient of a softplus network).
        batch: points in a minibatch.
        hidden: width of the networks.
        smoothing: noise levels of the estimand. () is about the density itself; (σ,) about the law of x + σε; several
            levels about the mean of their Fisher divergences, weighted by σ².
    """

    density: Density
    model: ModelName = "gaussian"
    dim: PositiveInt = 2
    batch: PositiveInt = 32
    hidden: PositiveInt = 32
    smoothing: tuple[PositiveFloat, ...] = ()

    gradients: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.smoothing and not isinstance(self.density, NoisedDensity):
            name = type(self.density).__name__
            raise ValueError(f"{name} has no exact convolution with noise: leave smoothing out")

    @abstractmethod
    def use(self, estimator: ScoreEstimator, generator: torch.Generator) -> Tensor | Fit:
        """One estimate from the estimator's loss."""

    @abstractmethod
    def use_many(self, estimator: ScoreEstimator, n: int, generator: torch.Generator) -> Tensor | Fit:
        """n independent estimates."""

    @cached_property
    def score_model(self) -> ScoreModel:
        """The model, without its parameters."""
        return make_model(self.model, self.dim, self.hidden)

    @cached_property
    def initial(self) -> Tensor:
        """Parameters from the seed, (p,), float64 on the CPU."""
        return self.score_model.initial(self.data_generator())

    def target(self, sigma: float) -> Density:
        """The law of x + σε, on the problem's device in its dtype."""
        law: Density = self.density
        if sigma > 0:
            assert isinstance(self.density, NoisedDensity)
            law = self.density.noised(sigma)
        return law.at(self.device, self.dtype)

    @cached_property
    def data_score(self) -> Field:
        """The score of the law that minibatches come from; where that has several noise levels, a refusal."""
        if len(self.smoothing) > 1:
            return _refuse
        score = self.target(self.level).score
        score(self.place(torch.zeros(1, self.dim, dtype=torch.float64)))  # makes cached data outside of transforms
        return score

    @property
    def level(self) -> float:
        """The noise level of the estimand; 0 for the density itself."""
        return self.smoothing[0] if self.smoothing else 0.0

    def prepare(self) -> None:
        stream = torch.Generator(self.device).manual_seed(0)
        self.minibatches(1, stream, denoises=True)
        _ = self.data_score, self.initial

    def field(self, theta: Tensor, transformed: bool) -> ScoreField:
        """The model at these parameters, for use inside or outside of transforms of `torch.func`."""
        return ScoreField(self.score_model, theta, self.data_score, transformed)

    def minibatches(self, n: int, generator: torch.Generator, denoises: bool) -> Tensor:
        """n minibatches of independent samples, (n, batch, m), noised unless the estimator does so itself."""
        if len(self.smoothing) > 1 and not denoises:
            raise Unsupported("the estimand weighs several noise levels; only a denoising estimator sees them")
        x = fresh_minibatches(self, n, generator)
        if denoises or not self.smoothing:
            return x
        noise = torch.randn(x.shape, generator=generator, device=generator.device, dtype=x.dtype)
        return x + self.level * noise


def on_gradients(condition: Callable[[Any, Any], bool] | None = None) -> Callable[[Any, Any], bool]:
    """The condition of a claim about one minibatch gradient: it says nothing about training runs."""
    return lambda problem, estimator: problem.gradients and (condition is None or condition(problem, estimator))


def integrates_by_parts(problem: ScoreProblem, estimator: ScoreEstimator) -> bool:
    """Whether E[tr ∇s] = −E[sᵀ∇log p] for the law of the data: it has no edge."""
    return problem.density.integrates_by_parts or bool(problem.smoothing)


def same_levels(problem: ScoreProblem, levels: tuple[float, ...]) -> bool:
    """Whether the estimand is about exactly these noise levels."""
    return sorted(problem.smoothing) == sorted(levels)


def _refuse(x: Tensor) -> Tensor:
    raise Unsupported("the estimand weighs several noise levels; only a denoising estimator sees them")
