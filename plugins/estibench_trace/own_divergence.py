"""The divergence of a user's own vector field: a network or a function, at points of any shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import Own, OwnFunction, OwnPoints, flat, keeps_shape
from estibench_trace.contract import ROWS, DivergenceProblem, Sums, TraceProblem, unit_rows
from estibench_trace.operators import Field, JacobianOperator, Operator

NUMBERS = 2**25  # entries of Jacobians that are held at once


@dataclass(frozen=True, kw_only=True)
class OwnDivergence(DivergenceProblem):
    """div f at a batch of points, (batch,). Truth: the exact trace of a float64 copy.

    Attributes:
        own: f, (batch, *shape) → (batch, *shape), each point by itself.
        data: the points, (batch, *shape).
    """

    own: OwnFunction
    data: Tensor

    @cached_property
    def field(self) -> Field:
        return flat(self.own.at(self.device, self.torch_dtype), tuple(self.data.shape[1:]))

    @cached_property
    def points(self) -> Tensor:
        return self.place(self.data).reshape(self.batch, self.dim)

    @cached_property
    def in_one_call(self) -> bool:
        """Whether the field's derivatives can be taken in one vectorised call; some operations refuse."""
        operator = JacobianOperator(self.field, self._leaf)
        try:
            operator.rmatvec(torch.zeros(2, self.batch, self.dim, dtype=self.torch_dtype, device=self.device))
        except Exception:  # vmap refuses in many ways
            return False
        return True

    def operator(self) -> Operator:
        return JacobianOperator(self.field, self._leaf, self.in_one_call)

    def prepare(self) -> None:
        super().prepare()
        _ = self.in_one_call

    @cached_property
    def _exact(self) -> tuple[Sums, str]:
        """What one pass over all rows of the Jacobians gives, and the dtype that it was made in."""
        try:
            return self.at("cpu", "float64").sums_of_jacobians(), "float64"
        except RuntimeError:  # a function that closes over tensors of its own dtype
            return self.sums_of_jacobians(), self.dtype

    def sums_of_jacobians(self) -> Sums:
        """tr A, ‖A‖² and ‖S‖² = (‖A‖² + Σ_ij a_ij a_ji)/2 from m products with unit vectors, some points at a time."""
        some = max(1, NUMBERS // self.dim**2)
        parts = []
        for x in self.points.split(some):
            operator = JacobianOperator(self.field, x, self.in_one_call)
            rows = [operator.rmatvec(basis) for _, basis in unit_rows(operator, ROWS, self.torch_dtype, self.device)]
            A = torch.cat(rows).movedim(1, 0).to(device="cpu", dtype=torch.float64)  # (points, m, m)
            diagonal, entries = A.diagonal(dim1=1, dim2=2), A.square().sum((1, 2))
            crossed = (A * A.mT).sum((1, 2))
            parts.append(torch.stack([0.5 * (entries + crossed), entries, diagonal.square().sum(1), diagonal.sum(1)]))
        return Sums(*torch.cat(parts, 1))

    @property
    def truth(self) -> Tensor:
        return self.sums.trace

    @property
    def truth_source(self) -> str:
        return f"the exact trace in {self._exact[1]}: a product for each of {self.dim} dimensions"

    @property
    def sums(self) -> Sums:
        return self._exact[0]


def own_divergence(*, field: Callable[[Tensor], Tensor], points: Tensor) -> OwnDivergence:
    """The divergence of your vector field at your points.

    Args:
        field: an `nn.Module` or a function, (batch, *shape) → (batch, *shape), each point by itself.
        points: (batch, *shape): images, sequences or vectors.
    """
    own = OwnFunction.of(field, "field")
    batch = OwnPoints.of(points, "points", own)
    keeps_shape(own, batch.placed)
    return OwnDivergence(own=own, data=batch.data, **batch.parameters)


def ladder(problem: TraceProblem) -> list[str | Mapping[str, Any]]:
    """The exact trace, and what competes with it from few to many products."""
    m = problem.dim
    probes = [k for k in (1, 4, 16, 64) if k <= max(m // 2, 1)]
    budgets = [k for k in (16, 64) if k < m]
    found: list[str | Mapping[str, Any]] = ["exact", {"name": "hutchinson", "probes": probes}]
    if budgets:
        found.append({"name": "xtrace", "matvecs": budgets})
        found.append({"name": "hutchpp", "matvecs": [k - 1 for k in budgets]})
    return found


OWN = Own(own_divergence, ladder, "the exact trace")
