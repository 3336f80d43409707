"""Butcher tableaus of the explicit Runge–Kutta methods among the solvers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from torch import Tensor
from torchdiffeq._impl.odeint import SOLVERS  # the coefficients have no public name

from estibench_flow.field import Dynamics


@dataclass(frozen=True)
class Tableau:
    """y_i = z + h Σ_{j<i} a_ij k_j, k_i = f(t + c_i h, y_i), z₁ = z + h Σ_j b_j k_j.

    Attributes:
        nodes: c, (s,).
        weights: the rows of a, of 1, 2, …, s − 1 numbers, and then b, of s.
        error: ê with h Σ_j ê_j k_j an estimate of the step's error, (s + 1,): k_{s+1} = f(t + h, z₁) is the next
            step's first. Adaptive methods only.
        order: what steers the steps; adaptive methods only.
    """

    nodes: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]
    error: tuple[float, ...] = ()
    order: int = 0

    def step(self, field: Dynamics, t: float, h: float, z: Tensor) -> Tensor:
        """z₁, (batch, dim), by the formulas above, word for word; differentiable by autograd."""

        def combined(row: Sequence[float], slopes: Sequence[Tensor]) -> Tensor:
            return sum((h * a * k for a, k in zip(row, slopes, strict=True)), start=z)

        slopes: list[Tensor] = []
        for c, row in zip(self.nodes, ((), *self.weights[:-1]), strict=True):
            slopes.append(field(z.new_full((), t + c * h), combined(row, slopes)))
        return combined(self.weights[-1], slopes)


FIXED = {
    "euler": Tableau((0,), ((1,),)),
    "midpoint": Tableau((0, 1 / 2), ((1 / 2,), (0, 1))),
    "heun": Tableau((0, 1), ((1,), (1 / 2, 1 / 2))),
    "rk4": Tableau((0, 1 / 3, 2 / 3, 1), ((1 / 3,), (-1 / 3, 1), (1, -1, 1), (1 / 8, 3 / 8, 3 / 8, 1 / 8))),
}


@cache
def tableau(solver: str) -> Tableau:
    """Of euler, midpoint, heun, rk4; of bosh3, dopri5 and dopri8, torchdiffeq's own numbers."""
    if solver in FIXED:
        return FIXED[solver]
    found = SOLVERS[solver].tableau
    weights = tuple(tuple(row.tolist()) for row in found.beta)
    nodes = (0.0, *found.alpha[:-1].tolist())
    return Tableau(nodes, weights, tuple(found.c_error.tolist()), SOLVERS[solver].order)
