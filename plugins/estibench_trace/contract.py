"""The contract between trace problems and trace estimators."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from estibench import PositiveInt, Problem, Unsupported
from estibench_trace.linear_maps import LinearMap, as_operator
from estibench_trace.operators import Field, JacobianOperator, Operator

ROWS = 4096


@dataclass(frozen=True)
class Sums:
    """What variance formulas need of each matrix A of a batch, with S = (A + Aᵀ)/2. Each (batch,), float64.

    Attributes:
        frobenius: ‖S‖²_F.
        entries: ‖A‖²_F.
        diagonal: Σ a_ii².
        trace: tr A.
    """

    frobenius: Tensor
    entries: Tensor
    diagonal: Tensor
    trace: Tensor


@dataclass(frozen=True, kw_only=True)
class TraceProblem(Problem):
    """The traces of a batch of square matrices known through products. The truth has shape (batch,)."""

    dim: PositiveInt = 64

    @abstractmethod
    def operator(self) -> Operator:
        """The matrices. Estimators call this once per estimate; for a field, products start from a fresh forward."""

    def prepare(self) -> None:
        self.operator()

    @property
    def psd(self) -> bool:
        """Whether the matrices are known to be symmetric positive semidefinite."""
        return False

    @property
    def shape(self) -> tuple[int, ...]:
        """The axes of a vector: channels and then pixels, for images; a line of `dim` pixels where nothing is known."""
        return (self.dim,)

    @property
    def receptive_field(self) -> int | None:
        """The side of the square of pixels, odd, outside of which a row of A is 0 around its own pixel, where known."""
        return None

    @cached_property
    def sums(self) -> Sums | None:
        """Sums over the entries, from 2·dim products with unit vectors in float64: ‖S‖² = (‖A‖² + tr A²)/2.

        None where that would take too long: formulas then claim nothing.
        """
        operator = self.at("cpu", "float64").operator()
        return sums_from(operator, (basis for _, basis in unit_rows(operator, ROWS, torch.float64, "cpu")))

    @property
    def magnitude(self) -> float:
        """√(dim · Σ_b ‖A_b‖²_F): by Cauchy–Schwarz no trace is larger, and rounding errors scale with it."""
        assert self.sums is not None
        return float((self.dim * self.sums.entries.sum()).sqrt())


@dataclass(frozen=True, kw_only=True)
class MatrixProblem(TraceProblem):
    """The trace of one matrix."""

    @property
    @abstractmethod
    def matrix(self) -> LinearMap:
        """A, (dim, dim): a tensor in float64 on the CPU, dense or sparse, or any matrix that multiplies."""

    @cached_property
    def _operator(self) -> Operator:
        matrix = self.matrix
        return as_operator(self.place(matrix) if isinstance(matrix, Tensor) else matrix)

    def operator(self) -> Operator:
        return self._operator


@dataclass(frozen=True)
class Split:
    """A field f_i(x) = τ_i(x_i, h_i(x)) where h_i does not depend on x_i.

    Attributes:
        conditioner: h, (..., dim) → (..., dim, context).
        transformer: τ, of both: (..., dim), (..., dim, context) → (..., dim), each coordinate by itself.
    """

    conditioner: Callable[[Tensor], Tensor]
    transformer: Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class DivergenceProblem(TraceProblem):
    """The divergence of a vector field at a batch of points: the traces of its Jacobians."""

    batch: PositiveInt = 32

    @property
    @abstractmethod
    def field(self) -> Field:
        """The field: (..., dim) → (..., dim), each point by itself; a function or a module.

        A function composes with `torch.func`, and is on the problem's device in its dtype. Of a module a copy is put
        there, in evaluation mode; modules that mix points in training, as by batch normalisation, are then fields too.
        """

    @cached_property
    def placed_field(self) -> Field:
        """The field that estimators differentiate. Who calls it counts: `estibench.count("evaluation")`."""
        field = self.field
        return self.place(field) if isinstance(field, nn.Module) else field

    @property
    @abstractmethod
    def points(self) -> Tensor:
        """Where the divergence is wanted: (batch, dim)."""

    @property
    def split(self) -> Split | None:
        """How the field is composed, on the problem's device in its dtype; None where that is not known."""
        return None

    @cached_property
    def leaf(self) -> Tensor:
        """The points, made to require a gradient here because under `vmap` they no longer can be."""
        return self.points.detach().requires_grad_()

    def operator(self) -> Operator:
        return JacobianOperator(self.placed_field, self.leaf)


def sums_from(operator: Operator, bases: Iterable[Tensor]) -> Sums:
    """The sums over the entries of a float64 operator on the CPU: ‖S‖² = (‖A‖² + tr A²)/2.

    Args:
        operator: the matrices.
        bases: chunks (k, batch, dim) of vectors of zeros and ones that add up to ones. Numbers that share a vector
            share no entry: in no row, and in no column, is more than one of theirs different from 0.
    """
    frobenius, size, diagonal, trace = (torch.zeros(operator.batch, dtype=torch.float64) for _ in range(4))
    for basis in bases:
        columns, rows = operator.matvec(basis), operator.rmatvec(basis)
        entries = basis * columns
        frobenius += 0.5 * (columns.square() + columns * rows).sum((0, 2))
        size += columns.square().sum((0, 2))
        diagonal += entries.square().sum((0, 2))
        trace += entries.sum((0, 2))
    return Sums(frobenius, size, diagonal, trace)


def unit_rows(operator: Operator, rows: int, dtype: torch.dtype, device: str) -> Iterator[tuple[int, Tensor]]:
    """The unit vectors e_start, e_start+1, … in chunks (k, batch, dim) of at most `rows` rows k · batch."""
    step = max(1, min(operator.dim, rows // operator.batch))
    for start in range(0, operator.dim, step):
        stop = min(start + step, operator.dim)
        basis = torch.zeros(stop - start, operator.batch, operator.dim, dtype=dtype, device=device)
        basis.diagonal(offset=start, dim1=0, dim2=2).fill_(1)
        yield start, basis


def diagonal_entries(products: Tensor, start: int) -> Tensor:
    """a_ii for i = start, start+1, …: (k, batch) from the products (k, batch, dim) with those unit vectors."""
    return products.diagonal(offset=start, dim1=0, dim2=2).mT


def require_decompositions(problem: TraceProblem) -> None:
    """Raises `Unsupported` in half precision, for which there is neither QR nor Cholesky."""
    if problem.torch_dtype not in (torch.float32, torch.float64):
        raise Unsupported(f"matrix decompositions need float32 or float64, not {problem.dtype}")
