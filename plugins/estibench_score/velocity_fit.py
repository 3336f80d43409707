"""Training runs of a velocity: how likely the model makes held-out data, and what it generates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from estibench import Fit, FitProblem, NoisedDensity, OnDensity, PositiveInt
from estibench_score.minibatches import fresh_minibatches
from estibench_score.models import ModelName
from estibench_score.ode import Solver, even, everywhere, log_density, normal_log_density, solve
from estibench_score.runs import many_runs, one_run
from estibench_score.velocity_contract import VelocityEstimator, VelocityProblem

FINE = 16  # steps of order 4 in a likelihood
TOGETHER = 16  # parameter vectors of one vectorised likelihood


@dataclass(frozen=True, kw_only=True)
class VelocityFit(OnDensity, FitProblem, VelocityProblem):
    """A velocity v_θ trained by an objective of flow matching. The model is the law that the flow dx/dt = v_θ(x, t)
    makes of x_0 ~ N(0, I) at t = 1.

    It is judged in a way that does not ask which coupling of noise and data the objective had in mind: by the negative
    log-likelihood of held-out samples in nats, with the exact divergence, in float64. Truth: the density's own on the
    same samples; what lies between estimates KL(p ‖ model). `reading_excess_nll` is that at the end of the run, and
    `reading_solver_error` what the likelihood's 16 steps of order 4 leave: the mean change when they are halved, about
    15 times the error. Errors are distances of samples, made by the solver of the parameters, to real ones.

    Parameters:
        measure: the curve: `likelihood`; or `divergence`, ½ mean ‖v_θ(x_t, t) − u_t(x_t)‖² over fixed points, equally
            many at each time, truth 0: what the objectives minimise, and not what a coupling by transport does.
        held_out: samples of the likelihood, and points of the divergence.
        solver, solver_steps: of the flow that generates samples, equal steps from t = 0 to 1: euler, heun (2
            evaluations a step) or rk4 (4).
    """

    density: NoisedDensity
    model: ModelName = "mlp"
    times: PositiveInt = 32
    batch: PositiveInt = 128
    measure: Literal["likelihood", "divergence"] = "likelihood"
    held_out: PositiveInt = 256
    solver: Solver = "rk4"
    solver_steps: PositiveInt = 16

    per_decade: ClassVar[int] = 2
    examples = (
        {"density": "gaussian_mixture", "batch": 8, "times": 4, "steps": 3, "hidden": 4, "held_out": 16},
        {
            "density": "gaussian",
            "batch": 8,
            "times": 4,
            "steps": 3,
            "hidden": 4,
            "held_out": 16,
            "measure": "divergence",
        },
    )

    def use(self, estimator: VelocityEstimator, generator: torch.Generator) -> Fit:
        """One training run."""
        return one_run(self, estimator, lambda n: fresh_minibatches(self, n, generator), generator)

    def use_many(self, estimator: VelocityEstimator, n: int, generator: torch.Generator) -> Fit:
        """n training runs side by side."""
        return many_runs(self, estimator, lambda n: fresh_minibatches(self, n, generator), n, generator)

    @cached_property
    def truth(self) -> Tensor:
        value = torch.zeros((), dtype=torch.float64) if self.measure == "divergence" else self.own_score
        return value.expand(len(self.checkpoints)).clone()

    @property
    def truth_source(self) -> str:
        if self.measure == "divergence":
            return "closed form: 0, a perfect fit"
        return super().truth_source

    @cached_property
    def exact_held_out(self) -> Tensor:
        return self.density.sample(self.held_out, torch.Generator().manual_seed(self.seed + 1))

    @cached_property
    def _test_points(self) -> tuple[Tensor, Tensor, Tensor]:
        """Points on the path, their times' places, and u_t there: (T, each, m), (T, each, 1), (T, each, m)."""
        v = self.field(self.place(self.initial), transformed=False)
        T = len(self.points)
        each = -(-self.held_out // T)
        stream = torch.Generator().manual_seed(self.seed + 1)
        x1 = self.density.sample(T * each, stream).reshape(T, each, self.dim)
        x0 = torch.randn(x1.shape, generator=stream, dtype=x1.dtype)
        k = torch.arange(T, device=self.device)[:, None, None].expand(T, each, 1)
        x, _ = v.bridge(self.place(x0), self.place(x1), k)
        return x, k, torch.stack([u(part) for u, part in zip(v.marginals, x, strict=True)])

    def curve(self, fit: Fit, estimator: Any) -> Tensor:
        """What `measure` says."""
        theta = fit.snapshots[0]
        flat = theta.flatten(0, -2)
        found = self._divergence(flat) if self.measure == "divergence" else self._nll(flat, FINE).mean(-1)
        return found.unflatten(0, theta.shape[:-1]).to(theta.dtype)

    def _divergence(self, theta: Tensor) -> Tensor:
        """½ mean ‖v_θ − u_t‖² for each of n parameter vectors, (n,)."""
        x, k, u = self._test_points
        times = self._grid[0][k]
        return torch.stack([0.5 * (self.score_model.score(one, x, times) - u).square().sum(-1).mean() for one in theta])

    def _nll(self, theta: Tensor, steps: int) -> Tensor:
        """−log q_θ of the held-out samples in float64, for each of n parameter vectors: (n, held_out)."""
        x = self.exact_held_out.to(self.device)

        def log_likelihood(one: Tensor) -> Tensor:
            return log_density(
                lambda x, t: self.score_model.with_divergence(one, x, everywhere(t, x)),
                x,
                even(1.0, 0.0, steps),
                normal_log_density,
            )

        return -torch.func.vmap(log_likelihood, chunk_size=TOGETHER)(theta.double())

    def samples(self, fit: Fit, estimator: Any, n: int, generator: torch.Generator) -> Tensor:
        """The flow's, from noise at t = 0 to t = 1: (n, m)."""
        (theta,) = fit.final
        x = torch.randn(n, self.dim, generator=generator, device=self.device, dtype=theta.dtype)
        return solve(
            lambda x, t: self.score_model.score(theta, x, everywhere(t, x)),
            x,
            even(0.0, 1.0, self.solver_steps),
            self.solver,
        )

    def readings(self, fit: Fit, estimator: Any) -> Mapping[str, Tensor]:
        """The floors, and at the end of the run `excess_nll` and `solver_error`, in nats."""
        (theta,) = fit.final
        fine, coarse = (self._nll(theta[None], steps)[0] for steps in (FINE, FINE // 2))
        return {
            **super().readings(fit, estimator),
            "excess_nll": fine.mean() - float(self.own_score),
            "solver_error": (fine - coarse).abs().mean(),
        }

    def prepare(self) -> None:
        super().prepare()
        _ = self.truth, self._test_points if self.measure == "divergence" else None
