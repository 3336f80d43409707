"""The trace of a user's own matrix: dense, a linear operator, or a function that multiplies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import Own, UserError, finite, float_tensor
from estibench_trace.contract import ROWS, Sums, TraceProblem, unit_rows
from estibench_trace.linear_maps import LinearMap, as_operator
from estibench_trace.operators import Operator
from estibench_trace.own_divergence import ladder


@dataclass(frozen=True, eq=False)
class Symmetric:
    """A symmetric matrix known through a function of columns, (dim, k) → (dim, k)."""

    product: Callable[[Tensor], Tensor]
    shape: tuple[int, int]

    @property
    def T(self) -> Symmetric:
        """Itself."""
        return self

    def __matmul__(self, V: Tensor) -> Tensor:
        return self.product(V)


@dataclass(frozen=True, kw_only=True)
class OwnTrace(TraceProblem):
    """tr A, (1,). Truth: every diagonal entry.

    Attributes:
        own: a dense tensor in float64, or any matrix that multiplies.
    """

    own: LinearMap

    @cached_property
    def _operator(self) -> Operator:
        return as_operator(self.place(self.own) if isinstance(self.own, Tensor) else self.own)

    def operator(self) -> Operator:
        return self._operator

    @cached_property
    def sums(self) -> Sums:
        """From the whole matrix, which m products with unit vectors give."""
        A = self.own if isinstance(self.own, Tensor) else self._dense()
        diagonal, entries, crossed = A.diagonal(), A.square().sum(), (A * A.mT).sum()
        found = (0.5 * (entries + crossed), entries, diagonal.square().sum(), diagonal.sum())
        return Sums(*(number[None] for number in found))

    def _dense(self) -> Tensor:
        operator = self.operator()
        chunks = unit_rows(operator, ROWS, self.torch_dtype, self.device)
        columns = [operator.matvec(basis)[:, 0] for _, basis in chunks]
        return torch.cat(columns).mT.to(device="cpu", dtype=torch.float64)

    @property
    def truth(self) -> Tensor:
        return self.sums.trace

    @property
    def truth_source(self) -> str:
        how = "float64" if isinstance(self.own, Tensor) else self.dtype
        return f"every diagonal entry in {how}"


def own_trace(
    *, matrix: Any = None, matvec: Callable[[Tensor], Tensor] | None = None, dim: int | None = None
) -> OwnTrace:
    """The trace of your matrix.

    Args:
        matrix: a square tensor or array, a sparse matrix, or a linear operator of scipy, curvlinops or anyone: with a
            `shape`, `@` on columns, and `adjoint()` or `T`.
        matvec: instead of it, a function of columns, (dim, k) → (dim, k), for a symmetric matrix.
        dim: of the matrix behind `matvec`.
    """
    if (matrix is None) == (matvec is None):
        raise UserError("matrix: give either a matrix, or matvec and dim")
    if matvec is not None:
        if not dim:
            raise UserError("dim: a function of vectors needs the dimension too")
        return _checked(OwnTrace(own=Symmetric(matvec, (int(dim), int(dim))), dim=int(dim), dtype="float64"), "matvec")
    shape = tuple(getattr(matrix, "shape", ()))
    if len(shape) != 2 or shape[0] != shape[1]:
        raise UserError(f"matrix: expected a square matrix, got the shape {shape or type(matrix).__name__}")
    dense = isinstance(matrix, Tensor) and matrix.layout is torch.strided
    if dense or (hasattr(matrix, "__array__") and not isinstance(matrix, Tensor)):
        found = float_tensor(matrix, "matrix")
        name, device = str(found.dtype).removeprefix("torch."), str(found.device)
        return OwnTrace(own=found.cpu().double(), dim=shape[0], device=device, dtype=name)
    dtype = str(getattr(matrix, "dtype", "float64")).removeprefix("torch.")
    known = dtype if dtype in ("float32", "float64") else "float64"
    device = str(getattr(matrix, "device", "cpu"))
    return _checked(OwnTrace(own=matrix, dim=shape[0], device=device, dtype=known), "matrix")


def _checked(problem: OwnTrace, name: str) -> OwnTrace:
    """Raises `UserError` unless both products can be made and belong to one matrix."""
    generator = torch.Generator().manual_seed(0)
    u, v = problem.place(torch.randn(2, 1, 1, problem.dim, generator=generator, dtype=torch.float64))
    operator = problem.operator()
    try:
        forward, backward = operator.matvec(v), operator.rmatvec(u)
    except Exception as error:  # a user's matrix may fail in any way
        first = (str(error).strip().splitlines() or [""])[0]
        shape = (problem.dim, 1)
        raise UserError(f"{name}: raises {type(error).__name__} on columns of shape {shape}: {first}") from error
    for found in (forward, backward):
        if found.shape != v.shape:
            raise UserError(f"{name}: does not map columns of shape {(problem.dim, 1)} to such columns")
        finite(found, name)
    one, other = float((u * forward).sum()), float((v * backward).sum())
    scale = float(u.norm() * forward.norm()) + 1e-30
    if abs(one - other) > 1e4 * torch.finfo(problem.torch_dtype).eps * scale:
        if isinstance(problem.own, Symmetric):
            raise UserError(f"{name}: the matrix is not symmetric; give a linear operator that has its transpose too")
        raise UserError(f"{name}: its transposed products do not belong to the same matrix")
    return problem


OWN = Own(own_trace, ladder, "the exact trace")
