"""Training continuous normalizing flows: where the noise of a trace leads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import Fit, PositiveFloat, PositiveInt, Unsupported
from estibench_flow.capabilities import HasLogDensity
from estibench_flow.flow import Flow, standard_normal
from estibench_flow.likelihood_fit import LikelihoodFit, Parameters
from estibench_flow.mlp import Network
from estibench_flow.solvers import Scheme, integrate

LogDensity = Callable[[Flow, Tensor, torch.Generator], Tensor]
"""(flow, x, generator) → log p(x), (..., dim) → (...), differentiable in the flow's weights."""

MEASURED = Scheme("dopri5", 1, 1e-6)
COUNTED = Scheme("dopri5", 1, 1e-5)  # FFJORD's tolerance
CARRIED = 128  # points by which evaluations are counted


@dataclass(frozen=True, kw_only=True)
class FlowFit(LikelihoodFit):
    """A CNF trained by maximum likelihood: steps along the gradient of −mean log p(x) of a minibatch, with what the
    estimator takes for log p(x).

    Its curve is the negative log-likelihood of held-out points in nats per point, exact to 1e-4 whatever the estimator
    trains with: dopri5 at a tolerance of 1e-6 with the divergence in closed form, in float64. Samples are points of the
    prior, carried back by the same. Readings of every run: `nfe_start` and `nfe_end`, evaluations of the field that
    dopri5 at 1e-5 needs to carry held-out points to the prior, before and after training; and those of `LikelihoodFit`.

    Parameters:
        dim: of the data.
        hidden: width of the field's two tanh layers.
        batch: points of a minibatch.
        time: T.
    """

    hidden: PositiveInt = 32
    time: PositiveFloat = 1.0

    citation = "Grathwohl et al., FFJORD, ICLR 2019, section 4."

    @cached_property
    def _network(self) -> Network:
        return Network(self.dim, self.hidden)

    @cached_property
    def _start(self) -> Tensor:
        """θ of every run's start, (p,): a small field."""
        return self.place(self._network.initial(self.data_generator(), scale=0.1))

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
            flow = Flow(self._network.dynamics(theta), self.time, standard_normal, differentiable=True, weights=theta)
            values = log_density(flow, x[0] if runs is None else x, generator)
            # The sum over runs: each has a gradient of its own.
            return torch.autograd.grad(-values.mean(-1).sum(), theta), None

        start = self._start if runs is None else self._start.repeat(runs, 1)
        with torch.enable_grad():
            return self.train((start,), gradient, side_by_side=runs is not None, generator=generator)

    def log_density(self, parameters: Parameters, x: Tensor) -> Tensor:
        (theta,), m = parameters, self.dim
        field, divergence = self._network.dynamics(theta), self._network.divergence(theta)

        def augmented(t: Tensor, state: Tensor) -> Tensor:
            z = state[..., :m]
            return torch.cat([field(t, z), divergence(t, z)[..., None]], -1)

        start = torch.cat([x, torch.zeros_like(x[:, :1])], -1).expand(*theta.shape[:-1], -1, -1)
        try:
            final = integrate(augmented, start, 0.0, self.time, MEASURED)
        except Unsupported:  # one wild field must not spoil the others
            if theta.dim() == 1:
                return torch.full_like(x[:, 0], torch.nan)
            return torch.stack([self.log_density((one,), x) for one in theta])
        return standard_normal(final[..., :m]) + final[..., m]

    def own_log_density(
        self, parameters: Parameters, estimator: Any, x: Tensor, generator: torch.Generator
    ) -> Tensor | None:
        if not isinstance(estimator, HasLogDensity):
            return None
        flow = Flow(self._network.dynamics(parameters[0]), self.time, standard_normal)
        try:
            return estimator.log_density(flow, x, generator)
        except Unsupported:  # of a field that has become too wild
            return torch.full_like(x[:, 0], torch.nan)

    @torch.no_grad()
    def samples(self, fit: Fit, estimator: Any, n: int, generator: torch.Generator) -> Tensor:
        z = torch.randn(n, self.dim, generator=generator, device=generator.device, dtype=torch.float64)
        try:
            x = integrate(self._network.dynamics(fit.final[0].double()), z, self.time, 0.0, MEASURED)
        except Unsupported:
            x = torch.full_like(z, torch.nan)
        return self.original(x).to(self.torch_dtype)

    def readings(self, fit: Fit, estimator: Any) -> Mapping[str, Tensor]:
        found = dict(super().readings(fit, estimator))
        ends = (("start", self._start), ("end", fit.final[0]))
        return found | {f"nfe_{name}": self._evaluations(theta.double()) for name, theta in ends}

    def _evaluations(self, theta: Tensor) -> Tensor:
        """How many a solve takes, of the last digit of which nobody knows anything. θ is (p,)."""
        field, made = self._network.dynamics(theta), 0

        def counted(t: Tensor, z: Tensor) -> Tensor:
            nonlocal made
            made += 1
            return field(t, z)

        try:
            integrate(counted, self._held_out[:CARRIED], 0.0, self.time, COUNTED)
        except Unsupported:
            return torch.tensor(torch.nan)
        return torch.tensor(float(made))
