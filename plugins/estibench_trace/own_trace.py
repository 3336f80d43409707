"""The trace of a user's own matrix: dense, a linear operator, or a function that multiplies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import Own, UserError, count, finite, float_tensor
from estibench_trace.contract import ROWS, Sums, TraceProblem, unit_rows
from estibench_trace.operators import MatrixOperator, Operator
from estibench_trace.own_divergence import ladder

Product = Callable[[Tensor], Tensor]  # (dim, k) → (dim, k)


@dataclass(frozen=True, eq=False)
class Products:
    """A matrix known through its products with the columns of (dim, k), and its transpose's."""

    forward: Product
    backward: Product


class ProductOperator(Operator):
    """One matrix, known through functions of columns; the batch is 1."""

    def __init__(self, products: Products, dim: int) -> None:
        self.batch, self.dim = 1, dim
        self._products = products

    def matvec(self, v: Tensor) -> Tensor:
        count("matvec", v.shape[0])
        return self._products.forward(v[:, 0].mT).mT[:, None]

    def rmatvec(self, v: Tensor) -> Tensor:
        count("matvec", v.shape[0])
        return self._products.backward(v[:, 0].mT).mT[:, None]


@dataclass(frozen=True, kw_only=True)
class OwnTrace(TraceProblem):
    """tr A, (1,). Truth: every diagonal entry.

    Attributes:
        own: a dense matrix, float64, or products in the problem's dtype.
    """

    own: Tensor | Products

    @cached_property
    def _operator(self) -> Operator:
        if isinstance(self.own, Products):
            return ProductOperator(self.own, self.dim)
        return MatrixOperator(self.place(self.own))

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
        rows = [operator.rmatvec(basis)[:, 0] for _, basis in unit_rows(operator, ROWS, self.torch_dtype, self.device)]
        return torch.cat(rows).to(device="cpu", dtype=torch.float64)

    @property
    def truth(self) -> Tensor:
        return self.sums.trace

    @property
    def truth_source(self) -> str:
        how = "float64" if isinstance(self.own, Tensor) else self.dtype
        return f"every diagonal entry in {how}"


def own_trace(*, matrix: Any = None, matvec: Product | None = None, dim: int | None = None) -> OwnTrace:
    """The trace of your matrix.

    Args:
        matrix: a square tensor or array, or a linear operator of scipy, torch or anyone with a `shape`, `@` and `.T`.
        matvec: instead of it, a function of columns, (dim, k) → (dim, k), for a symmetric matrix.
        dim: of the matrix behind `matvec`.
    """
    if (matrix is None) == (matvec is None):
        raise UserError("matrix: give either a matrix, or matvec and dim")
    if matvec is not None:
        if not dim:
            raise UserError("dim: a function of vectors needs the dimension too")
        problem = OwnTrace(own=Products(matvec, matvec), dim=int(dim), dtype="float64")
        return _checked(problem, "matvec", symmetric=True)
    shape = tuple(getattr(matrix, "shape", ()))
    if len(shape) != 2 or shape[0] != shape[1]:
        raise UserError(f"matrix: expected a square matrix, got the shape {shape or type(matrix).__name__}")
    if isinstance(matrix, Tensor) or hasattr(matrix, "__array__"):
        dense = float_tensor(matrix, "matrix")
        name, device = str(dense.dtype).removeprefix("torch."), str(dense.device)
        return OwnTrace(own=dense.cpu().double(), dim=shape[0], device=device, dtype=name)
    return _checked(_from_operator(matrix, shape[0]), "matrix", symmetric=False)


def _from_operator(operator: Any, dim: int) -> OwnTrace:
    dtype = str(getattr(operator, "dtype", "float64")).removeprefix("torch.")
    dtype = dtype if dtype in ("float32", "float64") else "float64"
    if hasattr(operator, "matmat"):  # scipy's, of numpy arrays
        forward, backward = operator.matmat, operator.rmatmat
    else:
        forward, backward = operator.__matmul__, operator.T.__matmul__

    def through_numpy(product: Any) -> Product:
        return lambda v: torch.as_tensor(product(v.detach().cpu().numpy())).to(v)

    def plain(product: Any) -> Product:
        return lambda v: torch.as_tensor(product(v))

    try:
        plain(forward)(torch.zeros(dim, 1, dtype=getattr(torch, dtype)))
        adapt = plain
    except Exception:  # operators of numpy refuse tensors in many ways
        adapt = through_numpy
    return OwnTrace(own=Products(adapt(forward), adapt(backward)), dim=dim, dtype=dtype)


def _checked(problem: OwnTrace, name: str, symmetric: bool) -> OwnTrace:
    """Raises `UserError` unless both products can be made and belong to one matrix."""
    generator = torch.Generator().manual_seed(0)
    u, v = torch.randn(2, problem.dim, 1, generator=generator, dtype=torch.float64).to(problem.torch_dtype)
    own = problem.own
    assert isinstance(own, Products)
    try:
        forward, backward = own.forward(v), own.backward(u)
    except Exception as error:  # a user's function may fail in any way
        first = (str(error).strip().splitlines() or [""])[0]
        raise UserError(
            f"{name}: raises {type(error).__name__} on columns of shape {tuple(v.shape)}: {first}"
        ) from error
    for found in (forward, backward):
        if found.shape != v.shape:
            raise UserError(f"{name}: maps columns of shape {tuple(v.shape)} to {tuple(found.shape)}")
        finite(found, name)
    one, other = float((u * forward).sum()), float((v * backward).sum())
    scale = float(u.norm() * forward.norm()) + 1e-30
    if abs(one - other) > 1e4 * torch.finfo(problem.torch_dtype).eps * scale:
        if symmetric:
            raise UserError(f"{name}: the matrix is not symmetric; give a linear operator that has its transpose too")
        raise UserError(f"{name}: its transposed products do not belong to the same matrix")
    return problem


OWN = Own(own_trace, ladder, "the exact trace")
