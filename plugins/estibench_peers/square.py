"""The matrix of a trace problem, in the words that libraries of linear operators share."""

from __future__ import annotations

import torch
from torch import Tensor

from estibench import Unsupported
from estibench_trace import Operator, TraceProblem


class Square:
    """One square matrix that is known through `A @ V`: what curvlinops, skerch and others take beside tensors.

    Each column is one matvec, counted by the problem.

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
    """The problem's matrix. Raises `Unsupported` for a batch of them: these libraries take one at a time."""
    operator = problem.operator()
    if operator.batch != 1:
        raise Unsupported(f"the library takes one matrix, and here are {operator.batch}")
    return Square(operator, problem.torch_dtype, problem.device)
