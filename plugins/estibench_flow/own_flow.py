"""The log-density of points under a user's own continuous flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import NonNegativeInt, Own, OwnFunction, OwnPoints, UserError, finite, flat, keeps_shape
from estibench_flow.effort import evaluations, saved, work
from estibench_flow.field import Dynamics
from estibench_flow.flow import Flow, log_densities, standard_normal
from estibench_flow.flow_problem import FlowProblem
from estibench_flow.own_time import in_time
from estibench_flow.solvers import Scheme
from estibench_flow.traces import ROWS, ExactTrace, HutchinsonTrace

TIGHT = Scheme("dopri8", 1, 1e-10)
REFERENCE = Scheme("dopri8", 1, 1e-8)  # its error is nothing beside the noise of probes
FEWEST, MOST = 8, 2**12  # probes of a reference
AT_ONCE = 64  # probes of one solve


@dataclass(frozen=True, kw_only=True)
class OwnFlow(FlowProblem):
    """log p(x) of a batch of points that follow z' = f(t, z) from t = 0 to T, where the prior is, (batch,).

    Truth: dopri8 at a tolerance of 1e-10 with the exact trace, a float64 copy; or a reference: dopri8 at 1e-8 with
    Rademacher probes, each a value of its own,

        log p_T(z(T)) + ∫ vᵀ (∂f/∂z) v dt,   E[vvᵀ] = I,

    whose mean is unbiased and whose spread is its standard error.

    Attributes:
        own: f, (t, (batch, *shape)) → (batch, *shape), each point by itself.
        data: the points, (batch, *shape).
        prior: log p_T on (batch, *shape) → (batch,); None for N(0, I).
        reference: Rademacher probes behind a reference; 0 for the exact trace.
        at_once: of these, in one solve.
    """

    own: OwnFunction
    data: Tensor
    prior: OwnFunction | None = None
    reference: NonNegativeInt = 0
    at_once: int = AT_ONCE

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
    def _values(self) -> Tensor:
        """The log-density by the exact trace, (1, batch), or by each probe of the reference, (probes, batch)."""
        exact = self.at("cpu", "float64")
        flow, x = Flow(exact.dynamics, self.time, exact.log_prior), exact.points
        generator = torch.Generator().manual_seed(self.seed + 2)
        parts = []
        try:
            if not self.reference:
                parts.append(log_densities(flow, x, ExactTrace(x), TIGHT))
            for start in range(0, self.reference, self.at_once):
                some = min(self.at_once, self.reference - start)
                trace = HutchinsonTrace.start(x, some, "rademacher", False, generator)
                parts.append(log_densities(flow, x, trace, REFERENCE))
        except RuntimeError as error:
            first = str(error).splitlines()[0]
            raise UserError(f"field: does not work in float64, which its truth needs ({first})") from error
        return finite(torch.cat([part.detach() for part in parts], -1).mT, "the log-density")

    @property
    def truth(self) -> Tensor:
        return self._values.mean(0)

    @property
    def truth_error(self) -> float:
        return float((self._values.var(0) / self.reference).sum().sqrt()) if self.reference else 0.0

    @property
    def splits_errors(self) -> bool:
        return self.reference == 0

    @property
    def truth_source(self) -> str:
        if not self.reference:
            return "float64 reference: dopri8 at tolerance 1e-10, exact trace"
        error = self.truth_error / max(float(self.truth.norm()), 1e-300)
        probes = f"mean over {self.reference} Rademacher probes"
        return f"float64 reference: dopri8 at tolerance 1e-8, {probes}, relative standard error {error:.1e}"


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


def within(problem: OwnFlow, most: float, memory: float) -> OwnFlow:
    """The problem with the exact trace, if a product for each dimension and evaluation takes no more; else with probes.

    A product with the Jacobian takes about one more evaluation, and keeps what one evaluation does.
    """
    exact = problem.at("cpu", "float64")
    field, x = exact.dynamics, exact.points
    one, kept = work(field, x), saved(field, x)
    rows = min(problem.dim, max(1, ROWS // problem.batch))
    evaluated = evaluations(problem.dynamics, problem.points, problem.time)
    if evaluated(TIGHT.tolerance) * one * (1 + problem.dim) <= most and rows * kept <= memory:
        return problem
    each = evaluated(REFERENCE.tolerance) * one
    probes, at_once = (_power_of_two(number) for number in (most / each, memory / (2 * kept)))
    return replace(problem, reference=max(FEWEST, min(probes, MOST)), at_once=max(1, min(at_once, AT_ONCE)))


def _power_of_two(number: float) -> int:
    """The largest that is not larger."""
    return 1 << (int(min(max(number, 1), MOST)).bit_length() - 1)


OWN = Own(
    own_flow, ladder, "the exact trace", "a vjp is one product of a vector with the Jacobian, at every point", within
)
