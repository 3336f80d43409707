"""The trace of a user's own matrix: dense, a linear operator, or a function that multiplies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from scipy.sparse.linalg import LinearOperator
from torch import Tensor

from estibench import NonNegativeInt, Own, Unsupported, UserError, finite, float_tensor, operations
from estibench_trace.contract import ROWS, Sums, TraceProblem, unit_rows
from estibench_trace.linear_maps import LinearMap, as_operator
from estibench_trace.operators import Operator
from estibench_trace.own_divergence import COPIES, how_many
from estibench_trace.own_divergence import ladder as with_transpose

SKETCH = 64  # products that find the matrix's range, at most
AT_ONCE = 16  # probes of the reference in one product
FEWEST, MOST = 64, 2**14  # probes of a reference


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
    """tr A, (1,). Truth: every diagonal entry, or a reference.

    The reference splits off the range that a sketch has found, Q (Meyer et al. 2021, Hutch++): with Rademacher v

        tr A = tr QᵀAQ + E (Pv)ᵀ A (Pv),   P = I − QQᵀ,

    so given Q it is an unbiased mean over independent probes, whose spread is its standard error.

    Attributes:
        own: a dense tensor in float64, or any matrix that multiplies.
        reference: probes behind a reference; 0 for the exact trace.
    """

    own: LinearMap
    reference: NonNegativeInt = 0

    @cached_property
    def _operator(self) -> Operator:
        return as_operator(self.place(self.own) if isinstance(self.own, Tensor) else self.own)

    def operator(self) -> Operator:
        return self._operator

    @cached_property
    def has_transpose(self) -> bool:
        """Whether the matrix multiplies from both sides."""
        try:
            self.operator().rmatvec(torch.zeros(1, 1, self.dim, dtype=self.torch_dtype, device=self.device))
        except Unsupported:
            return False
        return True

    @cached_property
    def sums(self) -> Sums | None:
        """From the whole matrix, which m products with unit vectors give."""
        return None if self.reference else self._sums

    @cached_property
    def _sums(self) -> Sums:
        A = self.own if isinstance(self.own, Tensor) else self._dense()
        diagonal, entries, crossed = A.diagonal(), A.square().sum(), (A * A.mT).sum()
        found = (0.5 * (entries + crossed), entries, diagonal.square().sum(), diagonal.sum())
        return Sums(*(number[None] for number in found))

    @cached_property
    def _probed(self) -> tuple[float, float, float]:
        """The trace, its standard error and ‖A‖²_F by the reference's probes."""
        generator = torch.Generator().manual_seed(self.seed + 2)

        def signs(n: int) -> Tensor:
            return 2 * torch.randint(2, (n, self.dim), generator=generator).double() - 1

        def times(rows: Tensor) -> Tensor:
            return self.operator().matvec(self.place(rows)[:, None])[:, 0].to(device="cpu", dtype=torch.float64)

        Q = torch.linalg.qr(times(signs(min(SKETCH, self.reference // 4))).mT).Q
        AQ = times(Q.mT.contiguous())
        forms, sizes = [], []
        for start in range(0, self.reference, AT_ONCE):
            v = signs(min(AT_ONCE, self.reference - start))
            v -= (v @ Q) @ Q.mT
            products = times(v)
            forms.append((v * products).sum(1))
            sizes.append(products.square().sum(1))
        samples = torch.cat(forms)
        found = float((Q.mT * AQ).sum()) + float(samples.mean())
        entries = float(AQ.square().sum()) + float(torch.cat(sizes).mean())
        return found, float(samples.std()) / self.reference**0.5, entries

    def _dense(self) -> Tensor:
        operator = self.operator()
        chunks = unit_rows(operator, ROWS, self.torch_dtype, self.device)
        columns = [operator.matvec(basis)[:, 0] for _, basis in chunks]
        return torch.cat(columns).mT.to(device="cpu", dtype=torch.float64)

    @property
    def truth(self) -> Tensor:
        return torch.tensor([self._probed[0]], dtype=torch.float64) if self.reference else self._sums.trace

    @property
    def truth_error(self) -> float:
        return self._probed[1] if self.reference else 0.0

    @property
    def magnitude(self) -> float:
        return (self.dim * self._probed[2]) ** 0.5 if self.reference else super().magnitude

    @property
    def truth_source(self) -> str:
        how = "float64" if isinstance(self.own, Tensor) else self.dtype
        if self.reference:
            error = self.truth_error / max(abs(float(self.truth)), 1e-300)
            return f"{how} mean over {self.reference} deflated probes, relative standard error {error:.1e}"
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
        if isinstance(matvec, type) or not callable(matvec):
            raise UserError(f"matvec: expected a function of columns, got {matvec!r:.60}")
        if not dim:
            raise UserError("dim: a function of vectors needs the dimension too")
        return _checked(OwnTrace(own=Symmetric(matvec, (int(dim), int(dim))), dim=int(dim), dtype="float64"), "matvec")
    if isinstance(matrix, type):
        raise UserError(f"matrix: {matrix.__name__} is a class; give an instance of it, {matrix.__name__}(…)")
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


def _gives_tensors(product: Callable[[Tensor], Tensor], columns: Tensor, name: str) -> None:
    """Raises `UserError` for a function that does not give a tensor; what it raises, the next call tells."""
    try:
        found = product(columns)
    except Exception:  # a user's function may fail in any way
        return
    if not isinstance(found, Tensor):
        what = f"{type(found).__module__}.{type(found).__name__}"
        raise UserError(
            f"{name}: takes and gives tensors, but gives a {what}; of a product in numpy make "
            "matrix=scipy.sparse.linalg.LinearOperator(shape, matvec=…)"
        )


def _checked(problem: OwnTrace, name: str) -> OwnTrace:
    """Raises `UserError` unless both products can be made and belong to one matrix."""
    generator = torch.Generator().manual_seed(0)
    u, v = problem.place(torch.randn(2, 1, 1, problem.dim, generator=generator, dtype=torch.float64))
    operator = problem.operator()
    if isinstance(problem.own, Symmetric):
        _gives_tensors(problem.own.product, v[:, 0].mT, name)
    try:
        forward = operator.matvec(v)
        backward = operator.rmatvec(u)
    except Unsupported:  # without a transpose: what needs it will say so
        finite(forward, name)
        return problem
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
    if abs(one - other) > 1e4 * problem.eps * scale:
        if isinstance(problem.own, Symmetric):
            raise UserError(f"{name}: the matrix is not symmetric; give a linear operator that has its transpose too")
        raise UserError(f"{name}: its transposed products do not belong to the same matrix")
    return problem


def ladder(problem: OwnTrace) -> list[str | Mapping[str, Any]]:
    """As for fields; of a matrix without a transpose, by products with itself alone."""
    _, hutchinson, *others = found = with_transpose(problem)
    if problem.has_transpose:
        return found
    assert isinstance(hutchinson, Mapping)
    return [{"name": "exact", "method": "jvp"}, {**hutchinson, "product": "jvp"}, *others]


def within(problem: OwnTrace, most: float, memory: float) -> OwnTrace:
    """The problem with its exact truth, if a product for each dimension takes no more; else with a reference.

    A product outside of torch cannot be counted. It is taken for one with every entry that is stored, or with m².
    """
    if isinstance(problem.own, Tensor):
        return problem
    v = torch.zeros(1, 1, problem.dim, dtype=problem.torch_dtype, device=problem.device)
    operator = problem.operator()
    stored = float(getattr(problem.own, "nnz", problem.dim**2 if isinstance(problem.own, LinearOperator) else 0))
    one = max(operations(lambda: operator.matvec(v)), 2 * stored)
    if problem.dim * one <= most and COPIES * 8 * problem.dim**2 <= memory:
        return problem
    return replace(problem, reference=how_many(most / one, FEWEST, MOST))


OWN = Own(own_trace, ladder, "the exact trace", "a matvec is one product of the matrix with a vector", within)
