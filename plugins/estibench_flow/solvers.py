"""How an ODE is discretised: the solvers of torchdiffeq, with steps or a tolerance."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torchdiffeq import odeint

from estibench import PositiveFloat, PositiveInt, Unsupported

SolverName = Literal[
    "euler",
    "midpoint",
    "heun",
    "rk4",
    "reversible_heun",
    "asynchronous_leapfrog",
    "backward_euler",
    "implicit_midpoint",
    "bosh3",
    "dopri5",
    "dopri8",
]
Norm = Callable[[Any], Tensor | float]

STAGES = {"euler": 1, "midpoint": 2, "heun": 2, "rk4": 4, "reversible_heun": 1, "asynchronous_leapfrog": 1}
IMPLICIT = {"backward_euler": 1.0, "implicit_midpoint": 0.5}  # where in a step its equation stands
FIXED = (*STAGES, *IMPLICIT)
REVERSIBLE = ("reversible_heun", "asynchronous_leapfrog")  # steps that can be undone; not torchdiffeq's
TORCHDIFFEQ = {"heun": "heun2"}  # where its name differs
STEPS, TOLERANCE = 16, 1e-5  # where a suite gives none


@dataclass(frozen=True)
class Scheme:
    """A solver with its budget.

    Fixed steps: `euler` (one step is a residual block), `midpoint`, `heun` (trapezoid), `rk4` (Kutta's 3/8 rule, as in
    torchdiffeq), `reversible_heun`, `asynchronous_leapfrog`; implicit ones `backward_euler`, `implicit_midpoint`.
    Adaptive, with embedded error estimates: `bosh3`, `dopri5`, `dopri8`.

    Attributes:
        solver: its name.
        steps: number of equal steps; fixed solvers only.
        tolerance: relative and absolute tolerance of a step's error; adaptive solvers only.
    """

    solver: str
    steps: int
    tolerance: float

    @classmethod
    def of(cls, solver: str, steps: int | None, tolerance: float | None) -> Scheme:
        """Checked, with defaults filled in. Raises `ValueError` for a budget that is not the solver's."""
        if solver in FIXED and tolerance is not None:
            raise ValueError(f"{solver} takes steps, not a tolerance")
        if solver not in FIXED and steps is not None:
            raise ValueError(f"{solver} takes a tolerance, not steps")
        return cls(solver, steps or STEPS, tolerance or TOLERANCE)

    @property
    def fixed(self) -> bool:
        """Whether steps are fixed in advance."""
        return self.solver in FIXED

    @property
    def implicit(self) -> bool:
        """Whether a step is the solution of an equation."""
        return self.solver in IMPLICIT

    @property
    def evaluations(self) -> int:
        """Evaluations of the field by fixed explicit steps; 0 where they are not known in advance."""
        return STAGES.get(self.solver, 0) * self.steps

    def arguments(self, start: float, end: float, like: Tensor, norm: Norm | None = None) -> dict[str, Any]:
        """Arguments of torchdiffeq for integrating from `start` to `end`.

        Args:
            norm: of the scaled error of a step, shaped like the state; None is torchdiffeq's, the root mean square
                over all that is integrated, batch included.
        """
        t = torch.tensor([start, end], dtype=torch.float64, device=like.device)
        found: dict[str, Any] = {"t": t, "method": TORCHDIFFEQ.get(self.solver, self.solver)}
        if self.fixed:
            return found | {"options": {"grid_constructor": self._grid}}
        # Without `step_t` the last step overshoots, and the end comes from an interpolant of fourth order.
        options: dict[str, Any] = {"step_t": t[1:]} | ({} if norm is None else {"norm": norm})
        return found | {"rtol": self.tolerance, "atol": self.tolerance, "options": options}

    def _grid(self, field: object, y: Tensor, t: Tensor) -> Tensor:
        return torch.linspace(float(t[0]), float(t[-1]), self.steps + 1, dtype=t.dtype, device=t.device)


@dataclass(frozen=True)
class SolverParameters:
    """The parameters of an estimator that say how it discretises.

    Parameters:
        steps: of fixed solvers; 16 where none is given.
        tolerance: relative and absolute, of adaptive solvers; 1e-5 where none is given.
    """

    solver: SolverName = "dopri5"
    steps: PositiveInt | None = None
    tolerance: PositiveFloat | None = None

    def __post_init__(self) -> None:
        _ = self.scheme

    @property
    def scheme(self) -> Scheme:
        """The same, checked."""
        return Scheme.of(self.solver, self.steps, self.tolerance)


def integrate(
    field: Callable[[Tensor, Tensor], Tensor],
    y: Tensor,
    start: float,
    end: float,
    scheme: Scheme,
    norm: Norm | None = None,
) -> Tensor:
    """y(end) from y(start) = `y`, of any shape; differentiable through every step.

    Raises:
        Unsupported: the solve cannot go on.
    """
    try:
        solution: Tensor = odeint(field, y, **scheme.arguments(start, end, y, norm))[-1]
    except AssertionError as error:  # torchdiffeq's word for a solve that cannot go on
        raise Unsupported(f"a solve breaks down: {breakdown(error)}") from error
    return solution


def breakdown(error: AssertionError) -> str:
    """Why a solve cannot go on, in torchdiffeq's words without the numbers of the last step."""
    return re.sub(r"[ (]+[-\d].*", "", str(error).splitlines()[0])


def worst_point(error: Tensor) -> Tensor:
    """The largest root mean square of a point's scaled errors, over points (..., components)."""
    return error.square().mean(-1).sqrt().max()
