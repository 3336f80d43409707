"""The gradient of the flow-matching objective at given parameters, from one minibatch: the twin of `score_gradient`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt, Lt
from torch import Tensor

from estibench import PositiveInt
from estibench_score.flow_path import Point, Regression, point
from estibench_score.loss_estimator import LossEstimator
from estibench_score.minibatches import fresh_minibatches, many_gradients, one_gradient
from estibench_score.velocity_contract import VelocityProblem
from estibench_score.velocity_theory import exact_gradients

CHUNKS = 32


@dataclass(frozen=True, kw_only=True)
class VelocityGradient(VelocityProblem):
    """∇_θ ½E‖v_θ(x_t, t) − u_t(x_t)‖² at parameters drawn from the seed; a draw is the gradient on one minibatch, (p,).

    Its twin is `regression: denoiser`: x_0 for ẋ_t, and for u_t the denoiser η_t(x) = E[x_0 | x_t = x], −σ_t score.

    Truth: a closed form for the normal model, which is affine in x, whatever the density; else, in float64, the mean
    over `reference` samples of the explicit objective's gradient, with its standard error in `truth_source`.

    Parameters:
        time: t is this alone, and `times` is not used.
        regression: velocity (u_t) or denoiser (η_t).
        reference: samples behind a truth without a closed form.
    """

    time: Annotated[float, Gt(0), Lt(1)] | None = None
    regression: Regression = "velocity"
    reference: PositiveInt = 2**18

    examples = (
        {"density": "gaussian"},
        {"density": "gaussian", "dim": 1, "path": "variance_preserving"},
        {"density": "gaussian", "dim": 1, "regression": "denoiser"},
        {"density": "gaussian_mixture", "model": "mlp", "hidden": 8, "times": 4, "reference": 2**12},
    )
    gradients: ClassVar[bool] = True

    def use(self, estimator: LossEstimator, generator: torch.Generator) -> Tensor:
        """One estimate from the estimator's loss, (p,)."""
        return one_gradient(self, estimator, fresh_minibatches(self, 1, generator)[0], generator)

    def use_many(self, estimator: LossEstimator, n: int, generator: torch.Generator) -> Tensor:
        """n independent estimates, (n, p)."""
        return many_gradients(self, estimator, fresh_minibatches(self, n, generator), generator)

    @cached_property
    def points(self) -> list[Point]:
        found = super().points if self.time is None else [point(self.path, self.time)]
        return found if self.regression == "velocity" else [at.denoiser for at in found]

    @cached_property
    def theta(self) -> Tensor:
        """Where the gradient is wanted, (p,)."""
        return self.place(self.initial)

    @cached_property
    def leaf(self) -> Tensor:
        """The same, differentiable by plain autograd."""
        return self.theta.clone().requires_grad_()

    def prepare(self) -> None:
        super().prepare()
        _ = self.leaf

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
