"""Training runs: what each objective makes of a model in a given number of steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from estibench import PositiveFloat, PositiveInt
from estibench_score.contract import ScoreEstimator, ScoreProblem

DECAY_OF_MEAN, DECAY_OF_SQUARE, SMALL = 0.9, 0.999, 1e-8
Gradients = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class ScoreFit(ScoreProblem):
    """One draw is one training run from the same start on its own minibatches, by Adam with a step size that falls to 0
    along a cosine. The estimate is a curve over checkpoints, (checkpoints,).

    Truth: 0 at every checkpoint, what a perfect fit has. What the model cannot express, and what the objective gets
    wrong by itself (noise, an edge), thus stays in the error, as it does in practice.

    Parameters:
        steps: Adam steps of a run.
        learning_rate: Adam's step size at the start.
        measure: `divergence`, ½ mean ‖s_θ − ∇log p‖² over `test` fixed samples; or `parameters`, ‖θ − θ*‖, for models
            whose best parameters θ* have a closed form.
        test: number of those samples.
    """

    model: Literal["gaussian", "exponential_family", "mixture", "mlp", "energy"] = "mlp"
    batch: PositiveInt = 128
    steps: PositiveInt = 300
    learning_rate: PositiveFloat = 0.01
    measure: Literal["divergence", "parameters"] = "divergence"
    test: PositiveInt = 1024

    citation = "Kingma and Ba 2015, Adam: a method for stochastic optimization (the steps)."
    examples = ({"density": "gaussian", "batch": 16, "steps": 10, "hidden": 8, "test": 64},)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.smoothing) > 1:
            raise ValueError("a fit is measured against one density: give one noise level, or none")
        if self.measure == "parameters" and self.model not in ("gaussian", "exponential_family"):
            raise ValueError(f"the best parameters of model {self.model!r} have no closed form")

    @cached_property
    def checkpoints(self) -> tuple[int, ...]:
        """Numbers of steps: 0, then about four to a decade, and the last."""
        geometric = {round(10 ** (k / 4)) for k in range(4 * math.ceil(math.log10(self.steps)) + 1)}
        return (0, *sorted(step for step in geometric if step < self.steps), self.steps)

    @property
    def axis(self) -> tuple[str, tuple[float, ...]]:
        return "step", tuple(float(step) for step in self.checkpoints)

    @cached_property
    def truth(self) -> Tensor:
        return torch.zeros(len(self.checkpoints), dtype=torch.float64)

    @property
    def truth_source(self) -> str:
        return "closed form: 0, a perfect fit"

    @property
    def magnitude(self) -> float:
        return 1.0

    def use(self, estimator: ScoreEstimator, generator: torch.Generator) -> Tensor:
        def gradients(theta: Tensor, x: Tensor) -> Tensor:
            leaf = theta[0].detach().requires_grad_()
            loss = estimator.loss(self.field(leaf, transformed=False), x[0], generator)
            return torch.autograd.grad(loss, leaf)[0][None]

        return self._run(estimator, 1, generator, gradients)[0]

    def use_many(self, estimator: ScoreEstimator, n: int, generator: torch.Generator) -> Tensor:
        one = torch.func.grad(lambda theta, x: estimator.loss(self.field(theta, transformed=True), x, generator))
        return self._run(estimator, n, generator, torch.func.vmap(one, randomness="different"))

    def _run(self, estimator: ScoreEstimator, n: int, generator: torch.Generator, gradients: Gradients) -> Tensor:
        """n runs side by side: (n, checkpoints)."""
        theta = self.place(self.initial).expand(n, -1)
        first, second = torch.zeros_like(theta), torch.zeros_like(theta)
        curve = []
        for step in range(self.steps + 1):
            if step in self.checkpoints:
                curve.append(self._distance(theta, estimator.level_of_data))
            if step == self.steps:
                break
            gradient = gradients(theta, self.minibatches(n, generator, estimator.denoises))
            first = torch.lerp(gradient, first, DECAY_OF_MEAN)
            second = torch.lerp(gradient.square(), second, DECAY_OF_SQUARE)
            rate = 0.5 * self.learning_rate * (1 + math.cos(math.pi * step / self.steps))
            unbiased = first / (1 - DECAY_OF_MEAN ** (step + 1))
            scale = (second / (1 - DECAY_OF_SQUARE ** (step + 1))).sqrt() + SMALL
            theta = theta - rate * unbiased / scale
        return torch.stack(curve, -1)

    def _distance(self, theta: Tensor, level: float) -> Tensor:
        """What `measure` says, for each run: (n, p) → (n,)."""
        if self.measure == "parameters":
            return torch.linalg.vector_norm(theta - self._best, dim=-1)
        x, score = self._test_points

        def divergence(theta: Tensor) -> Tensor:
            return 0.5 * (self.score_model.score(theta, x, level) - score).square().sum(-1).mean()

        return torch.stack([divergence(one) for one in theta])

    @cached_property
    def _test_points(self) -> tuple[Tensor, Tensor]:
        """Samples of the target and its score there, (test, m) each."""
        law = self.target(self.level)
        x = self.place(law.sample(self.test, torch.Generator().manual_seed(self.seed + 1)))
        return x, law.score(x)

    @cached_property
    def _best(self) -> Tensor:
        best = self.score_model.optimum(self.target(self.level).at("cpu", "float64"))
        if best is None:
            raise ValueError("the density lacks the moments that the best parameters are made of")
        return self.place(best)

    def prepare(self) -> None:
        super().prepare()
        _ = self._best if self.measure == "parameters" else self._test_points
