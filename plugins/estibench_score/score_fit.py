"""Training runs: what each objective makes of a model in a given number of steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from estibench import Fit, FitProblem, PositiveInt
from estibench_score.contract import ScoreEstimator, ScoreProblem
from estibench_score.runs import many_runs, one_run


@dataclass(frozen=True, kw_only=True)
class ScoreFit(FitProblem, ScoreProblem):
    """A score model trained by an objective, one run on minibatches of its own.

    Truth: 0 at every checkpoint, what a perfect fit has. What the model cannot express, and what the objective gets
    wrong by itself (noise, an edge), thus stays in the error, as it does in practice.

    Parameters:
        measure: `divergence`, ½ mean ‖s_θ − ∇log p‖² over `test` fixed samples; or `parameters`, ‖θ − θ*‖, for models
            whose best parameters θ* have a closed form.
        test: number of those samples.
    """

    model: Literal["gaussian", "exponential_family", "mixture", "mlp", "energy"] = "mlp"
    batch: PositiveInt = 128
    measure: Literal["divergence", "parameters"] = "divergence"
    test: PositiveInt = 1024

    examples = ({"density": "gaussian", "batch": 16, "steps": 10, "hidden": 8, "test": 64},)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.smoothing) > 1:
            raise ValueError("a fit is measured against one density: give one noise level, or none")
        if self.measure == "parameters" and self.model not in ("gaussian", "exponential_family"):
            raise ValueError(f"the best parameters of model {self.model!r} have no closed form")

    @cached_property
    def truth(self) -> Tensor:
        return torch.zeros(len(self.checkpoints), dtype=torch.float64)

    @property
    def truth_source(self) -> str:
        return "closed form: 0, a perfect fit"

    def use(self, estimator: ScoreEstimator, generator: torch.Generator) -> Fit:
        return one_run(self, estimator, lambda n: self.minibatches(n, generator, estimator.denoises), generator)

    def use_many(self, estimator: ScoreEstimator, n: int, generator: torch.Generator) -> Fit:
        return many_runs(self, estimator, lambda n: self.minibatches(n, generator, estimator.denoises), n, generator)

    def curve(self, fit: Fit, estimator: ScoreEstimator) -> Tensor:
        """What `measure` says."""
        theta = fit.snapshots[0]
        return self._distance(theta.flatten(0, -2), estimator.level_of_data).unflatten(0, theta.shape[:-1])

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
