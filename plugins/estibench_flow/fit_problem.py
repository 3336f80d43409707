"""Training continuous normalizing flows: where the noise of a trace leads."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from estibench import Fit, FitProblem, PositiveFloat, PositiveInt, counting
from estibench_flow.flow import Flow, log_densities, standard_normal
from estibench_flow.mlp import Network
from estibench_flow.solvers import Scheme
from estibench_flow.traces import ExactTrace

LogDensity = Callable[[Flow, Tensor, torch.Generator], Tensor]
"""(flow, x, generator) → log p(x), (..., dim) → (...), differentiable in the flow's weights."""

Parameters = tuple[Tensor, ...]
MEASURED = Scheme("dopri5", 1, 1e-6)


@dataclass(frozen=True, kw_only=True)
class FlowFit(FitProblem):
    """A CNF trained by maximum likelihood: steps along the gradient of −mean log p(x) of a minibatch, with what the
    estimator takes for log p(x).

    Its curve is the negative log-likelihood of held-out points in nats per point, exact to 1e-4 whatever the estimator
    trains with: an exact trace and dopri5 at a tolerance of 1e-6, in float64.

    Parameters:
        dim: of the data.
        hidden: width of the field's two tanh layers.
        batch: points of a minibatch.
        time: T.
    """

    dim: PositiveInt = 2
    hidden: PositiveInt = 32
    batch: PositiveInt = 128
    steps: PositiveInt = 150
    rate: PositiveFloat = 0.02
    time: PositiveFloat = 1.0

    per_decade: ClassVar[int] = 2
    citation = "Grathwohl et al., FFJORD, ICLR 2019, section 4."

    @abstractmethod
    def minibatches(self, n: int, generator: torch.Generator) -> Tensor:
        """n minibatches for training, (n, batch, dim)."""

    @property
    @abstractmethod
    def exact_held_out(self) -> Tensor:
        """The held-out points, (points, dim), float64 on the CPU."""

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

    def fit(self, log_density: LogDensity, generator: torch.Generator, runs: int | None = None) -> Fit:
        """One training run with what the estimator takes for log p(x).

        Args:
            log_density: called once per step, with a differentiable flow and a minibatch (batch, dim).
            generator: of minibatches, and passed on.
            runs: so many side by side instead, each with minibatches and weights of its own. Then x is
                (runs, batch, dim). For methods that treat every point by itself.
        """

        def gradient(parameters: Parameters, state: None) -> tuple[Parameters, None]:
            theta = parameters[0].detach().requires_grad_()
            x = self.minibatches(runs or 1, generator)
            flow = Flow(self._network.dynamics(theta), self.time, standard_normal, differentiable=True)
            values = log_density(flow, x[0] if runs is None else x, generator)
            # The sum over runs: each has a gradient of its own.
            return torch.autograd.grad(-values.mean(-1).sum(), theta), None

        start = self._start if runs is None else self._start.repeat(runs, 1)
        with torch.enable_grad():
            return self.train((start,), gradient, side_by_side=runs is not None)

    def curve(self, fit: Fit, estimator: Any) -> Tensor:
        """Negative log-likelihood of the held-out points, in nats per point."""
        with counting():  # what measuring spends is not the estimator's
            return self.negative_log_likelihood(fit.snapshots[0])

    def negative_log_likelihood(self, theta: Tensor) -> Tensor:
        """Of the held-out points, in nats per point, for each run: θ (..., p) → (...)."""
        wide = theta.double()
        x = self._held_out.expand(*wide.shape[:-1], *self._held_out.shape)
        flow = Flow(self._network.dynamics(wide), self.time, standard_normal)
        values = log_densities(flow, x, ExactTrace(x), MEASURED)[..., 0]
        return -values.mean(-1).to(theta.dtype)
