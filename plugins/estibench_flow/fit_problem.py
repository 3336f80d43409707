"""Training continuous normalizing flows: where the noise of a trace leads."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import PositiveFloat, PositiveInt, Problem, counting
from estibench_flow.flow import Flow, log_densities, standard_normal
from estibench_flow.mlp import Network
from estibench_flow.solvers import Scheme
from estibench_flow.traces import ExactTrace

LogDensity = Callable[[Flow, Tensor, torch.Generator], Tensor]
"""(flow, x, generator) → log p(x), (..., dim) → (...), differentiable in the flow's weights."""

MEASURED = Scheme("dopri5", 1, 1e-6)


@dataclass(frozen=True, kw_only=True)
class FitProblem(Problem):
    """One draw is one training run of a CNF from the same start on its own minibatches: Adam on −mean log p(x), with a
    step size that falls to 0 along a cosine. The estimate is the negative log-likelihood of held-out points along the
    way, in nats per point, (checkpoints,). It is exact to 1e-4, whatever the estimator trains with: an exact trace and
    dopri5 at a tolerance of 1e-6, in float64.

    Parameters:
        dim: of the data.
        hidden: width of the field's two tanh layers.
        batch: points of a minibatch.
        steps: of Adam.
        rate: its step size at the start.
        time: T.
    """

    dim: PositiveInt = 2
    hidden: PositiveInt = 32
    batch: PositiveInt = 128
    steps: PositiveInt = 150
    rate: PositiveFloat = 0.02
    time: PositiveFloat = 1.0

    citation = "Grathwohl et al., FFJORD, ICLR 2019, section 4; Kingma and Ba 2015 (Adam)."

    @abstractmethod
    def minibatches(self, n: int, generator: torch.Generator) -> Tensor:
        """n minibatches for training, (n, batch, dim)."""

    @property
    @abstractmethod
    def exact_held_out(self) -> Tensor:
        """The held-out points, (points, dim), float64 on the CPU."""

    @cached_property
    def checkpoints(self) -> tuple[int, ...]:
        """Numbers of steps: 0, then about two to a decade, and the last."""
        geometric = {round(10 ** (k / 2)) for k in range(2 * math.ceil(math.log10(self.steps)) + 1)}
        return (0, *sorted(step for step in geometric if step < self.steps), self.steps)

    @property
    def axis(self) -> tuple[str, tuple[float, ...]]:
        return "step", tuple(map(float, self.checkpoints))

    @property
    def magnitude(self) -> float:
        return 1.0

    @cached_property
    def _network(self) -> Network:
        return Network(self.dim, self.hidden)

    @cached_property
    def _start(self) -> Tensor:
        """θ of every run's start, (p,): a small field."""
        return self.place(self._network.initial(self.data_generator(), scale=0.1))

    @cached_property
    def _held_out(self) -> Tensor:
        return self.exact_held_out.to(self.device)

    def prepare(self) -> None:
        _ = self._start, self._held_out
        self.minibatches(1, torch.Generator(self.device).manual_seed(0))

    def train(self, log_density: LogDensity, generator: torch.Generator, runs: int | None = None) -> Tensor:
        """One training run with what the estimator takes for log p(x): the curve, (checkpoints,).

        Args:
            log_density: called once per step, with a differentiable flow and a minibatch (batch, dim).
            generator: of minibatches, and passed on.
            runs: so many side by side instead, each with minibatches and weights of its own: (runs, checkpoints). Then
                x is (runs, batch, dim). For methods that treat every point by itself.
        """
        with torch.enable_grad():
            return self._run(log_density, generator, runs)

    def _run(self, log_density: LogDensity, generator: torch.Generator, runs: int | None) -> Tensor:
        theta = (self._start.clone() if runs is None else self._start.repeat(runs, 1)).requires_grad_()
        optimiser = torch.optim.Adam([theta], lr=self.rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.steps)
        curve = []
        for step in range(self.steps + 1):
            if step in self.checkpoints:
                with counting():  # what measuring spends is not the estimator's
                    curve.append(self.negative_log_likelihood(theta.detach()))
            if step == self.steps:
                break
            x = self.minibatches(runs or 1, generator)
            flow = Flow(self._network.dynamics(theta), self.time, standard_normal, differentiable=True)
            values = log_density(flow, x[0] if runs is None else x, generator)
            # The sum over runs: each has a gradient of its own.
            (theta.grad,) = torch.autograd.grad(-values.mean(-1).sum(), theta)
            optimiser.step()
            schedule.step()
        return torch.stack(curve, -1)

    def negative_log_likelihood(self, theta: Tensor) -> Tensor:
        """Of the held-out points, in nats per point, for each run: θ (..., p) → (...)."""
        wide = theta.double()
        x = self._held_out.expand(*wide.shape[:-1], *self._held_out.shape)
        flow = Flow(self._network.dynamics(wide), self.time, standard_normal)
        values = log_densities(flow, x, ExactTrace(x), MEASURED)[..., 0]
        return -values.mean(-1).to(theta.dtype)
