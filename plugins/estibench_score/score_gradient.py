"""The gradient of the Fisher divergence at given parameters, from one minibatch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from estibench import PositiveInt
from estibench_score.contract import ScoreEstimator, ScoreProblem
from estibench_score.minibatches import many_gradients, one_gradient

CHUNKS = 32


@dataclass(frozen=True, kw_only=True)
class ScoreGradient(ScoreProblem):
    """∇_θ ½E‖s_θ(x) − ∇log p(x)‖² at parameters drawn from the seed; a draw is the gradient on one minibatch, (p,).

    Truth: the model's closed form where it has one; else, in float64, the mean over `reference` samples of the density
    of the explicit objective's gradient, with its standard error in `truth_source`. Minibatches are fresh samples of
    the density, not of a stored sample: integration by parts holds for the density and for no finite sample, where
    implicit objectives would be biased by chance.

    Parameters:
        reference: samples behind a truth without a closed form.
    """

    reference: PositiveInt = 2**18

    citation = "Hyvärinen 2005, Estimation of non-normalized statistical models by score matching, equation 2."
    examples = ({"density": "gaussian"}, {"density": "gaussian", "model": "energy", "hidden": 8})
    gradients: ClassVar[bool] = True

    def use(self, estimator: ScoreEstimator, generator: torch.Generator) -> Tensor:
        return one_gradient(self, estimator, self.minibatches(1, generator, estimator.denoises)[0], generator)

    def use_many(self, estimator: ScoreEstimator, n: int, generator: torch.Generator) -> Tensor:
        return many_gradients(self, estimator, self.minibatches(n, generator, estimator.denoises), generator)

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

    @property
    def weighted_levels(self) -> list[tuple[float, float]]:
        """The estimand's noise levels σ and their weights, which sum to 1."""
        levels = self.smoothing or (0.0,)
        total = sum(sigma**2 for sigma in levels)
        return [(sigma, sigma**2 / total if total else 1.0) for sigma in levels]

    @cached_property
    def _truth(self) -> tuple[Tensor, str, float]:
        exact = [
            self.score_model.exact_gradient(self.initial, self.density.at("cpu", "float64"), sigma)
            for sigma, _ in self.weighted_levels
        ]
        found = [gradient for gradient in exact if gradient is not None]
        weights = [weight for _, weight in self.weighted_levels]
        if len(found) == len(exact):
            total = torch.stack([w * gradient for w, gradient in zip(weights, found, strict=True)]).sum(0)
            return total, "closed form", 0.0
        chunks = sum(w * self._explicit_gradients(sigma) for sigma, w in self.weighted_levels)
        assert isinstance(chunks, Tensor)
        truth = chunks.mean(0)
        error = float(chunks.var(0).sum().sqrt()) / CHUNKS**0.5
        source = (
            f"float64 mean of the explicit objective's gradient over {self.reference} samples of the density, "
            f"relative standard error {error / max(float(truth.norm()), 1e-300):.1e}"
        )
        return truth, source, error

    def _explicit_gradients(self, sigma: float) -> Tensor:
        """Gradients of ½‖s_θ − ∇log p_σ‖² averaged over each chunk of the reference sample: (CHUNKS, p), float64."""
        exact = self.at("cpu", "float64")
        law = exact.target(sigma)
        generator = torch.Generator().manual_seed(self.seed + 1)
        theta = self.initial.clone().requires_grad_()
        level = math.log(sigma) if len(self.smoothing) > 1 else 0.0
        gradients = []
        for _ in range(CHUNKS):
            x = law.sample(max(1, self.reference // CHUNKS), generator)
            difference = self.score_model.score(theta, x, level) - law.score(x)
            gradients.append(torch.autograd.grad(0.5 * difference.square().sum(-1).mean(), theta)[0])
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

    @property
    def magnitude(self) -> float:
        """The truth's norm, and √m for the terms of tr ∇s that cancel in it."""
        return float(self.truth.norm()) + self.dim**0.5
