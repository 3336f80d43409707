"""The matrices of problems, in the words that libraries of linear operators share."""

from __future__ import annotations

import torch
from torch import Tensor

from estibench import Unsupported
from estibench_flow import ResidualProblem
from estibench_trace import Operator, TraceProblem


class Square:
    """One square matrix that is known through its products: what libraries take in the place of a tensor.

    Each column of `A @ V`, each row of `V @ A`, is one matvec, counted by the problem.

    Attributes:
        shape, dtype, device: as of a tensor.
    """

    def __init__(self, operator: Operator, dtype: torch.dtype, device: str) -> None:
        self._operator = operator
        self.shape = (operator.dim, operator.dim)
        self.dtype = dtype
        self.device = torch.device(device)

    def __matmul__(self, V: Tensor) -> Tensor:
        """A V: (dim, k) → (dim, k), or (dim,) → (dim,)."""
        if V.ndim == 1:
            return self._operator.matvec(V[None, None])[0, 0]
        return self._operator.matmat(V[None])[0]

    def __rmatmul__(self, V: Tensor) -> Tensor:
        """V A: (k, dim) → (k, dim), or (dim,) → (dim,)."""
        return self._operator.rmatvec(V.reshape(-1, 1, self.shape[0])).reshape(V.shape)


def square(problem: TraceProblem) -> Square:
    """The matrix of a problem that has one.

    Raises:
        Unsupported: a batch of matrices, since these libraries take one at a time; half precision, for which torch has
            no decomposition.
    """
    operator = problem.operator()
    if operator.batch != 1:
        raise Unsupported(f"the library takes one matrix, and here are {operator.batch}")
    require_full_precision(problem.torch_dtype)
    return Square(operator, problem.torch_dtype, problem.device)


def dense(problem: TraceProblem) -> Tensor:
    """The matrix itself, (dim, dim), from dim products with unit vectors, for a library that takes only arrays."""
    A = square(problem)
    return A @ torch.eye(A.shape[0], dtype=A.dtype, device=A.device)


def residual_matrices(problem: ResidualProblem) -> Tensor:
    """I + J at every point, (batch, dim, dim), from dim vector–Jacobian products."""
    require_full_precision(problem.torch_dtype)
    _, pull_back = problem.vjp()
    identity = torch.eye(problem.dim, dtype=problem.torch_dtype, device=problem.device)
    rows = pull_back(identity[:, None].expand(-1, problem.batch, -1))  # e_iᵀ J at every point
    return identity + rows.movedim(0, 1)


def require_full_precision(dtype: torch.dtype) -> None:
    """Raises `Unsupported` in half precision."""
    if dtype not in (torch.float32, torch.float64):
        raise Unsupported(f"the library needs float32 or float64, not {str(dtype).removeprefix('torch.')}")


def require_symmetric(A: Tensor) -> None:
    """Raises `Unsupported` where A, (..., m, m), is not symmetric up to rounding, which the library asks for."""
    if not torch.allclose(A, A.mT, rtol=1e-4, atol=1e-5 * float(A.abs().max())):
        raise Unsupported("the library asks for a symmetric matrix, which it does not check")
