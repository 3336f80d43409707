"""The gradient of the flow-matching objective at given parameters, from one minibatch: the twin of `score_gradient`."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import torch
from annotated_types import Gt, Lt
from torch import Tensor

from estibench import NoisedDensity, PositiveInt, Problem
from estibench_score.flow_path import MarginalVelocity, PathName, Point, point
from estibench_score.loss_estimator import LossEstimator
from estibench_score.minibatches import fresh_minibatches, many_gradients, one_gradient
from estibench_score.model import ScoreModel
from estibench_score.models import ModelName, make_model
from estibench_score.velocity_field import VelocityField
from estibench_score.velocity_theory import exact_gradients

CHUNKS = 32


@dataclass(frozen=True)
class VelocityEstimator(LossEstimator):
    """An objective of flow matching. Its one method is the loss of a minibatch of data; problems do the rest.

    Losses are normalised as J = ½E‖v_θ − u_t‖² plus a constant, so that their gradients compare.
    """

    @abstractmethod
    def loss(self, v: VelocityField, x: Tensor, generator: torch.Generator) -> Tensor:
        """The objective on a minibatch of data x, (batch, m): a number, differentiable in the parameters of v."""


@dataclass(frozen=True, kw_only=True)
class VelocityGradient(Problem):
    """∇_θ ½E‖v_θ(x_t, t) − u_t(x_t)‖² at parameters drawn from the seed; a draw is the gradient on one minibatch, (p,).

    x_t = α_t x_1 + σ_t x_0 with data x_1 and independent noise x_0 ~ N(0, I); u_t(x) = E[ẋ_t | x_t = x] in closed form,
    since a convolution of the density with noise is known. t is uniform on a grid, so that nothing is left to
    quadrature. Truth: a closed form for the normal model, which is affine in x, whatever the density; else, in float64,
    the mean over `reference` samples of the explicit objective's gradient, with its standard error in `truth_source`.

    Parameters:
        density: the law of the data. It takes its dimension from `dim`.
        model: of the velocity: gaussian (−P(x − μ), at all times), mlp (two SiLU layers, which see t), and the other
            models of scores.
        path: linear (α = t, σ = 1 − t) or variance_preserving (α = sin(πt/2), σ = cos(πt/2)).
        times: t is one of the midpoints of so many equal parts of [0, 1].
        time: t is this alone, and `times` is not used.
        batch: points in a minibatch.
        hidden: width of the networks.
        reference: samples behind a truth without a closed form.
    """

    density: NoisedDensity
    model: ModelName = "gaussian"
    path: PathName = "linear"
    times: PositiveInt = 8
    time: Annotated[float, Gt(0), Lt(1)] | None = None
    dim: PositiveInt = 2
    batch: PositiveInt = 32
    hidden: PositiveInt = 32
    reference: PositiveInt = 2**18

    citation = (
        "Lipman, Chen, Ben-Hamu, Nickel and Le 2023, Flow matching for generative modeling, equation 5; Albergo and "
        "Vanden-Eijnden 2023, Building normalizing flows with stochastic interpolants."
    )
    examples = (
        {"density": "gaussian"},
        {"density": "gaussian", "dim": 1, "path": "variance_preserving"},
        {"density": "gaussian_mixture", "model": "mlp", "hidden": 8, "times": 4, "reference": 2**12},
    )

    def use(self, estimator: LossEstimator, generator: torch.Generator) -> Tensor:
        """One estimate from the estimator's loss, (p,)."""
        return one_gradient(self, estimator, fresh_minibatches(self, 1, generator)[0], generator)

    def use_many(self, estimator: LossEstimator, n: int, generator: torch.Generator) -> Tensor:
        """n independent estimates, (n, p)."""
        return many_gradients(self, estimator, fresh_minibatches(self, n, generator), generator)

    def field(self, theta: Tensor, transformed: bool) -> VelocityField:
        """The model at these parameters, for use inside or outside of transforms of `torch.func`."""
        return VelocityField(self.score_model, theta, *self._grid)

    @cached_property
    def points(self) -> list[Point]:
        """The path at each time of the estimand."""
        grid = [(k + 0.5) / self.times for k in range(self.times)] if self.time is None else [self.time]
        return [point(self.path, t) for t in grid]

    @cached_property
    def score_model(self) -> ScoreModel:
        """The model, without its parameters: any of those of scores may be a velocity."""
        return make_model(self.model, self.dim, self.hidden)

    @cached_property
    def initial(self) -> Tensor:
        """Parameters from the seed, (p,), float64 on the CPU."""
        return self.score_model.initial(self.data_generator())

    @cached_property
    def theta(self) -> Tensor:
        """Where the gradient is wanted, (p,)."""
        return self.place(self.initial)

    @cached_property
    def leaf(self) -> Tensor:
        """The same, differentiable by plain autograd."""
        return self.theta.clone().requires_grad_()

    @cached_property
    def _grid(self) -> tuple[Tensor, Tensor, list[MarginalVelocity]]:
        """Times (T,), coefficients (T, 4) and marginal velocities, on the problem's device in its dtype."""
        times = torch.tensor([at.time for at in self.points], dtype=torch.float64)
        path = torch.tensor([at.coefficients for at in self.points], dtype=torch.float64)
        law = self.density.at(self.device, self.dtype)
        return self.place(times), self.place(path), [MarginalVelocity(law, at) for at in self.points]

    def prepare(self) -> None:
        _ = self.leaf
        fresh_minibatches(self, 1, torch.Generator(self.device).manual_seed(0))
        zero = self.place(torch.zeros(1, self.dim, dtype=torch.float64))
        for u in self._grid[2]:
            u(zero)  # makes cached data outside of transforms

    @cached_property
    def _truth(self) -> tuple[Tensor, str, float]:
        exact = exact_gradients(self)
        if exact is not None:
            return exact.mean(0), "closed form", 0.0
        chunks = self._explicit_gradients()
        truth, error = chunks.mean(0), float(chunks.var(0).sum().sqrt()) / CHUNKS**0.5
        source = (
            f"float64 mean of the explicit objective's gradient over {self.reference} samples of the density, "
            f"relative standard error {error / max(float(truth.norm()), 1e-300):.1e}"
        )
        return truth, source, error

    def _explicit_gradients(self) -> Tensor:
        """Gradients of ½‖v_θ − u_t‖² averaged over each chunk of the reference sample, equally many points at each
        time: (CHUNKS, p), float64."""
        exact = self.at("cpu", "float64")
        generator = torch.Generator().manual_seed(self.seed + 1)
        theta = self.initial.clone().requires_grad_()
        v, T = exact.field(theta, transformed=False), len(self.points)
        each = max(1, self.reference // (CHUNKS * T))
        k = torch.arange(T)[:, None, None].expand(T, each, 1)
        gradients = []
        for _ in range(CHUNKS):
            x1 = exact.density.sample(T * each, generator).reshape(T, each, self.dim)
            x, _ = v.bridge(torch.randn(x1.shape, generator=generator, dtype=x1.dtype), x1, k)
            u = torch.stack([u(part) for u, part in zip(v.marginals, x, strict=True)])
            gradients.append(torch.autograd.grad(0.5 * (v(x, k) - u).square().sum(-1).mean(), theta)[0])
        return torch.stack(gradients)

    @property
    def truth(self) -> Tensor:
        return self._truth[0]

    @property
    def truth_source(self) -> str:
        return self._truth[1]

    @property
    def truth_error(self) -> float:
        return self._truth[2]
