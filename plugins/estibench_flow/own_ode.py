"""The gradient of a user's own loss through a user's own neural ODE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from estibench import Own, OwnFunction, OwnPoints, PositiveFloat, UserError, finite, keeps_shape, repeats
from estibench_flow.effort import evaluations, saved, work
from estibench_flow.field import CountedField, Dynamics
from estibench_flow.gradients import adjoint
from estibench_flow.modules import ModuleDynamics
from estibench_flow.ode_problem import OdeProblem, joined
from estibench_flow.own_time import in_time
from estibench_flow.solvers import Scheme, integrate

TIGHT = 1e-12
LOOSER = (1e-10, 1e-8, 1e-6)  # tolerances of references
COARSER = 100.0  # times the tolerance: the solve whose difference shows a reference's error
BACKWARD = 2.0  # evaluations that a backward pass takes


class FlatField(nn.Module):
    """A user's field on flat points: (t, z), z (..., m) → (..., m)."""

    def __init__(self, field: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.field = field
        self._shape = shape

    def forward(self, t: Tensor, z: Tensor) -> Tensor:
        found: Tensor = self.field(t, z.reshape(-1, *self._shape))
        return found.reshape(z.shape)


@dataclass(frozen=True, kw_only=True)
class OwnOde(OdeProblem):
    """∂L/∂z(0) and ∂L/∂θ of L(z(T)), z' = f_θ(t, z), (batch · dim + p,): θ are all parameters of the module, flat.

    Truth: backpropagation through dopri8, a float64 copy, at a tolerance of 1e-12; or a reference at a larger one,
    whose error is what a tolerance 100 times as large changes, which is more than what a smaller one would. Where the
    steps do not fit into the memory, the reference is the adjoint's, which keeps none of them.

    Attributes:
        own: f, a module, (t, (batch, *shape)) → (batch, *shape).
        data: z(0), (batch, *shape).
        of_end: L, (batch, *shape) → a number.
        tolerance: of the truth's solves.
        keeps_steps: whether the truth is found by backpropagation, and not by the adjoint.
    """

    own: OwnFunction
    data: Tensor
    of_end: OwnFunction
    tolerance: PositiveFloat = TIGHT
    keeps_steps: bool = True

    @property
    def _shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape[1:])

    @cached_property
    def _dynamics(self) -> ModuleDynamics:
        assert isinstance(self.own.function, nn.Module)
        return ModuleDynamics(FlatField(self.own.function, self._shape))

    @property
    def exact_parameters(self) -> Tensor:
        return self._dynamics.parameters

    @cached_property
    def exact_start(self) -> Tensor:
        return self.data.reshape(self.batch, self.dim)

    def dynamics(self, theta: Tensor) -> Dynamics:
        return self._dynamics(theta)

    @cached_property
    def _loss(self) -> OwnFunction:
        return self.of_end.at(self.device, self.torch_dtype)

    def loss(self, final: Tensor) -> Tensor:
        return self._loss(final.reshape(-1, *self._shape))

    def prepare(self) -> None:
        _ = self.start, self.parameters, self._dynamics

    @cached_property
    def truth(self) -> Tensor:
        return self._gradient(self.tolerance)

    @cached_property
    def truth_error(self) -> float:
        if self.tolerance == TIGHT and self.keeps_steps:
            return 0.0
        return float((self._gradient(COARSER * self.tolerance) - self.truth).norm())

    def _gradient(self, tolerance: float) -> Tensor:
        """By dopri8 in float64, (batch · dim + p,)."""
        exact, scheme = self.at("cpu", "float64"), Scheme("dopri8", 1, tolerance)
        start, theta = exact.start.clone().requires_grad_(), exact.parameters.clone().requires_grad_()
        if self.keeps_steps:
            final = integrate(exact.dynamics(theta), start, 0.0, self.time, scheme)
            parts = torch.autograd.grad(exact.loss(final), (start, theta), materialize_grads=True)
        else:
            field = CountedField(exact.dynamics(theta))
            parts = adjoint(field, start, theta, exact.loss, self.time, scheme, seminorm=False)
        return finite(joined(*parts).detach(), "the gradient")

    def errors(self, estimate: Tensor, estimator: Any) -> Mapping[str, Tensor]:
        """None where the truth is a reference: what a solver's own gradient would be takes as long again."""
        return {} if self.truth_error else super().errors(estimate, estimator)

    @property
    def truth_source(self) -> str:
        how = "backpropagation through dopri8" if self.keeps_steps else "the adjoint by dopri8"
        source = f"float64 reference: {how} at tolerance {self.tolerance:.0e}"
        if not self.truth_error:
            return source
        return f"{source}, relative error {self.truth_error / max(float(self.truth.norm()), 1e-300):.1e}"


def own_ode(*, field: nn.Module, start: Tensor, loss: Callable[[Tensor], Tensor], time: float = 1.0) -> OwnOde:
    """The gradient of your loss of z(T) in the start and in all parameters of your field, where z' = f(t, z).

    Args:
        field: f, an `nn.Module` of (t, z) or of z alone, z (batch, *shape).
        start: z(0), (batch, *shape).
        loss: of z(T), (batch, *shape) → a number.
        time: T.
    """
    if isinstance(field, type):
        raise UserError(f"field: {field.__name__} is a class; give an instance of it, {field.__name__}(…)")
    if not isinstance(field, nn.Module) or not any(True for _ in field.parameters()):
        raise UserError("field: expected an nn.Module with parameters, whose gradient is wanted")
    own = in_time(OwnFunction.of(field, "field"))
    batch = OwnPoints.of(start, "start", own)
    x = batch.placed
    keeps_shape(own, x, x.new_zeros(()))
    of_end = OwnFunction.of(loss, "loss")
    value = finite(repeats(of_end, x), "loss")
    if value.numel() != 1:
        raise UserError(f"loss: expected one number, got the shape {tuple(value.shape)}")
    if not time > 0:
        raise UserError(f"time: expected a positive number, got {time!r}")
    return OwnOde(own=own, data=batch.data, of_end=of_end, time=float(time), **batch.parameters)


def ladder(problem: OdeProblem) -> list[str | Mapping[str, Any]]:
    """Backpropagation and the adjoint, by fixed and by adaptive steps."""
    return [
        {"name": "solver_gradient", "solver": "rk4", "steps": [4, 16], "gradient": ["backprop", "adjoint"]},
        {"name": "solver_gradient", "solver": "dopri5", "tolerance": [1e-3, 1e-5], "gradient": ["backprop", "adjoint"]},
    ]


def within(problem: OwnOde, most: float, memory: float) -> OwnOde:
    """The problem with the tightest truth whose solves take no more; the loosest where none does."""
    exact = problem.at("cpu", "float64")
    field, z = exact.dynamics(exact.parameters.clone().requires_grad_()), exact.start
    one, kept = work(field, z) * (1 + BACKWARD), saved(field, z)

    steps = evaluations(problem.dynamics(problem.parameters), problem.start, problem.time)
    tight = steps(TIGHT)
    if tight * one <= most and tight * kept <= memory:
        return problem
    for tolerance in LOOSER:
        every = steps(tolerance)
        if (every + steps(COARSER * tolerance)) * one <= most:
            break
    return replace(problem, tolerance=tolerance, keeps_steps=every * kept <= memory)


OWN = Own(
    own_ode,
    ladder,
    "a solve without error beyond rounding",
    "an evaluation is one call of the field, for the whole batch",
    within,
)
