"""The divergence of a user's own vector field: a network or a function, at points of any shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import OwnFunction, UserError, finite, float_tensor, repeats
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
        own, shape = self.own.at(self.device, self.torch_dtype), self.data.shape[1:]

        def flat(x: Tensor) -> Tensor:
            return own(x.reshape(-1, *shape)).reshape(x.shape)

        return flat

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
    data, own = float_tensor(points, "points"), OwnFunction.of(field, "field")
    if data.ndim < 2 or not data.numel():
        raise UserError(f"points: expected (batch, *shape), got the shape {tuple(data.shape)}")
    device, dtype = own.home or (str(data.device), data.dtype)
    data = data.to(device=device, dtype=dtype)
    values = finite(repeats(own, data), "field")
    if values.shape != data.shape:
        raise UserError(f"field: maps points of shape {tuple(data.shape)} to {tuple(values.shape)}; both must agree")
    _check_points_apart(own, data, values)
    name = str(dtype).removeprefix("torch.")
    stored = data.cpu().double()
    return OwnDivergence(own=own, data=stored, batch=len(data), dim=data[0].numel(), device=device, dtype=name)


def _check_points_apart(own: OwnFunction, data: Tensor, values: Tensor) -> None:
    """Raises `UserError` if the field of one point depends on another."""
    if len(data) < 2:
        return
    moved = data.clone()
    moved[0] = data[0] + 1 + data[0].abs()
    others = own.checked(moved)[1:]
    scale = values[1:].abs().max().clamp(min=1e-30)
    if float((others - values[1:]).abs().max() / scale) > 1e3 * torch.finfo(values.dtype).eps:
        raise UserError("field: mixes the points of a batch: moving the first one changes the values at the others")


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
