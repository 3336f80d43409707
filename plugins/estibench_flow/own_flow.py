"""The log-density of points under a user's own continuous flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from estibench import Own, OwnFunction, OwnPoints, UserError, finite, flat, keeps_shape
from estibench_flow.field import Dynamics
from estibench_flow.flow import Flow, log_densities, standard_normal
from estibench_flow.flow_problem import FlowProblem
from estibench_flow.own_time import in_time
from estibench_flow.solvers import Scheme
from estibench_flow.traces import ExactTrace

TIGHT = Scheme("dopri8", 1, 1e-10)


@dataclass(frozen=True, kw_only=True)
class OwnFlow(FlowProblem):
    """log p(x) of a batch of points that follow z' = f(t, z) from t = 0 to T, where the prior is, (batch,).

    Truth: dopri8 at a tolerance of 1e-10 with the exact trace, a float64 copy.

    Attributes:
        own: f, (t, (batch, *shape)) → (batch, *shape), each point by itself.
        data: the points, (batch, *shape).
        prior: log p_T on (batch, *shape) → (batch,); None for N(0, I).
    """

    own: OwnFunction
    data: Tensor
    prior: OwnFunction | None = None

    @cached_property
    def dynamics(self) -> Dynamics:
        own, shape = self.own.at(self.device, self.torch_dtype), tuple(self.data.shape[1:])
        return lambda t, z: flat(lambda x: own(t, x), shape)(z)

    @cached_property
    def exact_points(self) -> Tensor:
        return self.data.reshape(self.batch, self.dim)

    def log_prior(self, z: Tensor) -> Tensor:
        if self.prior is None:
            return standard_normal(z)
        found = self._prior(z.reshape(-1, *self.data.shape[1:]))
        return found.reshape(z.shape[:-1])

    @cached_property
    def _prior(self) -> OwnFunction:
        assert self.prior is not None
        return self.prior.at(self.device, self.torch_dtype)

    @cached_property
    def truth(self) -> Tensor:
        exact = self.at("cpu", "float64")
        flow = Flow(exact.dynamics, self.time, exact.log_prior)
        try:
            found = log_densities(flow, exact.points, ExactTrace(exact.points), TIGHT)[..., 0]
        except RuntimeError as error:
            first = str(error).splitlines()[0]
            raise UserError(f"field: does not work in float64, which its truth needs ({first})") from error
        return finite(found.detach(), "the log-density")

    @property
    def truth_source(self) -> str:
        return "float64 reference: dopri8 at tolerance 1e-10, exact trace"


def own_flow(
    *,
    field: Callable[[Tensor, Tensor], Tensor],
    points: Tensor,
    prior: Callable[[Tensor], Tensor] | None = None,
    time: float = 1.0,
) -> OwnFlow:
    """The log-density of your points under your continuous flow: z' = f(t, z) carries them to the prior at t = T.

    Args:
        field: f, an `nn.Module` or a function of (t, z) or of z alone, z (batch, *shape), each point by itself.
        points: (batch, *shape).
        prior: its log-density, (batch, *shape) → (batch,); default N(0, I).
        time: T.
    """
    own = in_time(OwnFunction.of(field, "field"))
    batch = OwnPoints.of(points, "points", own)
    x = batch.placed
    keeps_shape(own, x, x.new_zeros(()))
    law = None if prior is None else OwnFunction.of(getattr(prior, "log_prob", prior), "prior")
    if law is not None and finite(law.checked(x), "prior").shape != x.shape[:1]:
        raise UserError(
            f"prior: expected a log-density for each point, {tuple(x.shape[:1])}, got {tuple(law.checked(x).shape)}"
        )
    if not time > 0:
        raise UserError(f"time: expected a positive number, got {time!r}")
    return OwnFlow(own=own, data=batch.data, prior=law, time=float(time), **batch.parameters)


def ladder(problem: FlowProblem) -> list[str | Mapping[str, Any]]:
    """The exact trace and Hutchinson's, each by fixed and by adaptive steps."""
    return [
        {"name": "cnf", "solver": "rk4", "steps": [4, 16]},
        {"name": "cnf", "solver": "dopri5", "tolerance": [1e-3, 1e-5]},
        {"name": "cnf", "solver": "rk4", "steps": 16, "trace": "rademacher", "probes": [1, 4, 16]},
        {"name": "cnf", "solver": "dopri5", "tolerance": 1e-5, "trace": "rademacher", "probes": 1},
    ]


OWN = Own(own_flow, ladder, "the exact trace")
