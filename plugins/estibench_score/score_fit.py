"""Training runs: what each objective makes of a model in a given number of steps, and what that model generates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from estibench import Density, Fit, FitProblem, PositiveFloat, PositiveInt
from estibench_score.contract import ScoreEstimator, ScoreProblem
from estibench_score.models import ModelName
from estibench_score.ode import even, everywhere, log_density, normal_log_density
from estibench_score.runs import many_runs, one_run
from estibench_score.samplers import (
    SamplerName,
    annealed_langevin,
    langevin,
    predictor_corrector,
    probability_flow,
)

FINE = 32  # steps of order 4 in a likelihood
HELD_OUT = 256  # samples of a likelihood


@dataclass(frozen=True, kw_only=True)
class ScoreFit(FitProblem, ScoreProblem):
    """A score model trained by an objective, one run on minibatches of its own.

    Truth: 0 at every checkpoint, what a perfect fit has. What the model cannot express, and what the objective gets
    wrong by itself (noise, an edge), thus stays in the error, as it does in practice.

    Parameters:
        measure: `divergence`, ½ mean ‖s_θ − ∇log p‖² over `test` fixed samples; or `parameters`, ‖θ − θ*‖, for models
            whose best parameters θ* have a closed form.
        test: number of those samples.
        sampler: how the model at the end of a run is sampled; `none`, not at all. A model that was told noise levels:
            `annealed_langevin` along them, `predictor_corrector` or `probability_flow` from the greatest to the least.
            Any other: plain Langevin dynamics at its one level, whichever of the three is named. All start at a normal
            law with the mean and the mean variance of the data, plus that of the greatest level.
        sampler_steps: of the sampler in all; the probability flow takes 4 evaluations each.
        langevin_step: η of plain Langevin dynamics, in the units of x².

    Where it is sampled, errors are distances of samples to real ones. For a normalised density and a model of several
    levels `reading_excess_nll` is −log q_θ + log p of held-out samples, in nats: q_θ is what the probability flow makes
    of that normal law at the least level, with the exact divergence, in float64, in 32 steps of order 4.
    `reading_solver_error` is the mean change when these are halved, about 15 times what they leave.
    """

    model: ModelName = "mlp"
    batch: PositiveInt = 128
    measure: Literal["divergence", "parameters"] = "divergence"
    test: PositiveInt = 1024
    sampler: SamplerName = "none"
    sampler_steps: PositiveInt = 200
    langevin_step: PositiveFloat = 0.02

    examples = (
        {"density": "gaussian", "batch": 16, "steps": 10, "hidden": 8, "test": 64},
        {
            **{"density": "gaussian_mixture", "model": "energy", "batch": 8, "steps": 3, "hidden": 4, "test": 16},
            **{"sampler": "probability_flow", "sampler_steps": 5},
        },
    )

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

    def real(self, n: int, generator: torch.Generator) -> Tensor | None:
        return None if self.sampler == "none" else self.law.sample(n, generator)

    @property
    def law(self) -> Density:
        """That which minibatches come from."""
        return self.target(self.level).at("cpu", "float64")

    def samples(self, fit: Fit, estimator: ScoreEstimator, n: int, generator: torch.Generator) -> Tensor:
        """n samples of the model by the sampler, (n, m)."""
        (theta,) = fit.final
        mean, deviation = self._start(estimator)
        noise = torch.randn(n, self.dim, generator=generator, device=self.device, dtype=theta.dtype)
        x, levels, steps = self.place(mean) + deviation * noise, estimator.levels, self.sampler_steps

        def score(x: Tensor, sigma: float) -> Tensor:
            return self.score_model.score(theta, x, everywhere(math.log(sigma), x))

        if not levels:
            return langevin(lambda x: self.score_model.score(theta, x), x, self.langevin_step, steps, generator)
        if self.sampler == "annealed_langevin":
            return annealed_langevin(score, x, levels, steps, generator)
        if self.sampler == "predictor_corrector":
            return predictor_corrector(score, x, levels, steps, generator)
        return probability_flow(score, x, levels, steps)

    def _start(self, estimator: ScoreEstimator) -> tuple[Tensor, float]:
        """Mean (m,), float64 on the CPU, and standard deviation of the normal law that samplers start from."""
        x = self._test_points[0].to("cpu", torch.float64)
        return x.mean(0), float((x.var(0).mean() + max(estimator.levels, default=0.0) ** 2).sqrt())

    def readings(self, fit: Fit, estimator: ScoreEstimator) -> Mapping[str, Tensor]:
        """The floors; for a model of several levels `excess_nll` and `solver_error`, in nats."""
        found, normalizer = super().readings(fit, estimator), self.law.log_normalizer
        if self.sampler == "none" or not estimator.levels or normalizer is None:
            return found
        x = self._test_points[0].double()[:HELD_OUT]
        own = self.target(self.level).at(self.device, "float64").log_prob(x) - normalizer
        fine, coarse = (self._log_likelihood(fit, estimator, x, steps) for steps in (FINE, FINE // 2))
        return {**found, "excess_nll": (own - fine).mean(), "solver_error": (fine - coarse).abs().mean()}

    def _log_likelihood(self, fit: Fit, estimator: ScoreEstimator, x: Tensor, steps: int) -> Tensor:
        """log q_θ(x), (n, m) → (n,): up the probability flow dx/dλ = −σ²s, λ = log σ."""
        theta, levels = fit.final[0].double(), estimator.levels
        mean, deviation = self._start(estimator)

        def field(x: Tensor, log: float) -> tuple[Tensor, Tensor]:
            s, divergence = self.score_model.with_divergence(theta, x, everywhere(log, x))
            rate = -math.exp(2 * log)
            return rate * s, rate * divergence

        logs = even(math.log(min(levels)), math.log(max(levels)), steps)
        return log_density(field, x, logs, lambda x: normal_log_density(x, mean.to(x.device), deviation))

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
